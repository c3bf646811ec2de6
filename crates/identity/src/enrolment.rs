//! Enrolment: which tokens a root CA has made, and which cluster CAs it has signed for them.
//!
//! With a token the CA of a new cluster gets its first certificate. A token is 256 random bits,
//! bound to one trust domain, good once and for a limited time; only its hash is kept. What was
//! decided is a sequence of entries; this module says what follows from them. Must not know how
//! tokens travel or where entries are kept; the caller keeps an entry before it acts on it.

mod ledger;
#[cfg(test)]
mod tests;

pub use ledger::{Answer, Entry, IssuedCa, Ledger, LedgerError, Token, TokenState, when};

use crate::key::{KeyError, PublicKey};
use crate::spiffe::TrustDomain;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;
use zeroize::Zeroizing;

/// A token as its holder has it. `Debug` is redacted; wiped when dropped.
pub struct EnrolmentToken(Zeroizing<String>);

impl EnrolmentToken {
    fn generate() -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0u8; 32]);
        aws_lc_rs::rand::fill(bytes.as_mut()).map_err(|_| KeyError::Random)?;
        Ok(Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_ref()))))
    }

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

impl TokenId {
    fn of(hash: &str) -> Self {
        Self(hash.chars().take(16).collect())
    }
}

impl FromStr for TokenId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_name = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match is_name {
            true => Ok(Self(text.to_ascii_lowercase())),
            false => Err(format!("`{text}` is no name of a token; that has 16 hexadecimal digits")),
        }
    }
}

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
    #[error(
        "the enrolment token {id} was used at {at}, for another key; a token is good once, ask for a new one"
    )]
    Used { id: TokenId, at: String },
    #[error("the enrolment token {id} was revoked; ask for a new one")]
    Revoked { id: TokenId },
    #[error("the enrolment token {id} expired at {at}; ask for a new one")]
    Expired { id: TokenId, at: String },
    #[error(
        "the enrolment token {id} is for the trust domain {bound}, not {claimed}; enrol with the trust domain that it was made for"
    )]
    OtherTrustDomain { id: TokenId, bound: TrustDomain, claimed: TrustDomain },
    #[error(
        "the certificate {serial} that was issued for the enrolment token {id} expired at {at}; ask for a new token"
    )]
    CertificateExpired { id: TokenId, serial: String, at: String },
    #[error(
        "the CA with the certificate {serial} was revoked at {at}; its key gets no certificate any more, enrol with a new key"
    )]
    CaRevoked { serial: String, at: String },
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

fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// By which a key is recognised.
fn fingerprint(key: &PublicKey) -> String {
    hex::encode(Sha256::digest(key.spki()))
}
