//! Enrolment tokens: with one, the CA of a new cluster gets its first certificate from the root CA. A token is
//! 256 random bits, bound to one trust domain, good once and for a limited time; only its hash is kept.
//!
//! Must not know how tokens travel or where the table is stored; the caller stores it before it acts on an answer.

#[cfg(test)]
mod tests;

use crate::key::KeyError;
use crate::spiffe::TrustDomain;
use crate::validity::{rfc3339, unix_seconds};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use thiserror::Error;
use zeroize::Zeroizing;

/// A token as its holder has it. `Debug` is redacted; wiped when dropped.
pub struct EnrolmentToken(Zeroizing<String>);

impl EnrolmentToken {
    /// **Secret.** 43 characters of base64url.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EnrolmentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnrolmentToken(secret)")
    }
}

/// A name for a token that gives nothing away: the first 16 hex digits of its hash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TokenId(String);

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a token is not accepted. Never shows the token.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EnrolmentError {
    #[error("the enrolment token is not known here; ask the operator of this root CA for one")]
    Unknown,
    #[error("the enrolment token {id} was used at {at}; a token is good once, ask for a new one")]
    Used { id: TokenId, at: String },
    #[error("the enrolment token {id} was revoked; ask for a new one")]
    Revoked { id: TokenId },
    #[error("the enrolment token {id} expired at {at}; ask for a new one")]
    Expired { id: TokenId, at: String },
    #[error(
        "the enrolment token {id} is for the trust domain {bound}, not {claimed}; enrol with the trust domain that it was made for"
    )]
    OtherTrustDomain { id: TokenId, bound: TrustDomain, claimed: TrustDomain },
    #[error("an enrolment token that expires {0} cannot be stored; set the clock right or ask for less")]
    Dates(String),
    #[error(transparent)]
    Random(#[from] KeyError),
}

/// What a consumed token entitles its holder to: one CA certificate for this trust domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub id: TokenId,
    pub trust_domain: TrustDomain,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Unused,
    Used { at: u64 },
    Revoked,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    trust_domain: TrustDomain,
    /// Seconds since 1970; good up to and including this second.
    expires: u64,
    state: State,
}

/// All tokens that a root CA has made and not yet dropped, by the SHA-256 of the token in hex.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolmentTokens {
    tokens: BTreeMap<String, Record>,
}

impl EnrolmentTokens {
    /// Makes a token for one trust domain, good for `lifetime` from now.
    pub fn create(
        &mut self,
        trust_domain: &TrustDomain,
        lifetime: Duration,
        now: SystemTime,
    ) -> Result<(TokenId, EnrolmentToken), EnrolmentError> {
        let expires = now.checked_add(lifetime).and_then(unix_seconds).ok_or_else(|| {
            EnrolmentError::Dates(format!("{} s after {}", lifetime.as_secs(), rfc3339(now)))
        })?;
        let mut bytes = Zeroizing::new([0u8; 32]);
        aws_lc_rs::rand::fill(bytes.as_mut()).map_err(|_| KeyError::Random)?;
        let token = EnrolmentToken(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_ref())));
        let hash = hash(token.expose());
        let id = id_of(&hash);
        let record = Record { trust_domain: trust_domain.clone(), expires, state: State::Unused };
        self.tokens.insert(hash, record);
        Ok((id, token))
    }

    /// Uses a token up. `claimed` is the trust domain that the requester says it is; a mismatch, like every other
    /// refusal, leaves the table as it was.
    pub fn consume(
        &mut self,
        token: &str,
        claimed: &TrustDomain,
        now: SystemTime,
    ) -> Result<Grant, EnrolmentError> {
        // Looked up by hash, so that comparing tells nothing about how much of a guess was right.
        let hash = hash(token);
        let record = self.tokens.get_mut(&hash).ok_or(EnrolmentError::Unknown)?;
        let id = id_of(&hash);
        match record.state {
            State::Used { at } => return Err(EnrolmentError::Used { id, at: text(at) }),
            State::Revoked => return Err(EnrolmentError::Revoked { id }),
            State::Unused => {}
        }
        // A clock before 1970 is wrong; nothing is granted by it.
        let seconds = unix_seconds(now).unwrap_or(u64::MAX);
        if seconds > record.expires {
            return Err(EnrolmentError::Expired { id, at: text(record.expires) });
        }
        if record.trust_domain != *claimed {
            let (bound, claimed) = (record.trust_domain.clone(), claimed.clone());
            return Err(EnrolmentError::OtherTrustDomain { id, bound, claimed });
        }
        record.state = State::Used { at: seconds };
        Ok(Grant { id, trust_domain: record.trust_domain.clone() })
    }

    /// Revokes an unused token. False if there is none of that name.
    pub fn revoke(&mut self, id: &TokenId) -> bool {
        let found = self.tokens.iter_mut().find(|(hash, r)| id_of(hash) == *id && r.state == State::Unused);
        match found {
            Some((_, record)) => {
                record.state = State::Revoked;
                true
            }
            None => false,
        }
    }

    /// Drops what has expired; such a token is answered with [`EnrolmentError::Unknown`] from then on.
    pub fn forget_expired(&mut self, now: SystemTime) {
        let seconds = unix_seconds(now).unwrap_or(0);
        self.tokens.retain(|_, record| record.expires >= seconds);
    }

    /// The tokens that can still be used at this time, with the trust domain of each.
    pub fn usable(&self, now: SystemTime) -> impl Iterator<Item = (TokenId, &TrustDomain)> {
        let seconds = unix_seconds(now).unwrap_or(u64::MAX);
        self.tokens
            .iter()
            .filter(move |(_, record)| record.state == State::Unused && record.expires >= seconds)
            .map(|(hash, record)| (id_of(hash), &record.trust_domain))
    }
}

fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

fn id_of(hash: &str) -> TokenId {
    TokenId(hash.chars().take(16).collect())
}

fn text(seconds: u64) -> String {
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).map_or_else(|| "an unknown time".to_owned(), rfc3339)
}
