//! What a root CA has decided, entry by entry, and what follows from that for the next request.
//!
//! Pure: whoever keeps the entries replays them here.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{EnrolmentError, EnrolmentToken, Grant, TokenId, fingerprint, hash};
use crate::certificate::Certificate;
use crate::key::PublicKey;
use crate::spiffe::TrustDomain;
use crate::validity::{Standing, Validity, rfc3339, unix_seconds};

/// The most that a cluster CA lives where no policy was written down: a year.
const MAX_LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);

/// One decision. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Entry {
    /// From now on no cluster CA lives longer than so many seconds.
    Policy {
        at: u64,
        max_lifetime: u64,
    },
    /// A token was made; good up to and including the second `expires`.
    Token {
        at: u64,
        hash: String,
        trust_domain: TrustDomain,
        expires: u64,
    },
    /// A token was used up, and this certificate is what its holder gets for it.
    Certificate(IssuedCa),
    TokenRevoked {
        at: u64,
        token: TokenId,
    },
    CertificateRevoked {
        at: u64,
        serial: String,
    },
}

/// A cluster CA's certificate, and for what it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedCa {
    pub at: u64,
    pub token: TokenId,
    pub trust_domain: TrustDomain,
    /// In hex.
    pub serial: String,
    /// SHA-256 of the public key, in hex.
    pub key: String,
    pub validity: Validity,
    /// PEM.
    pub certificate: String,
    /// When it was revoked; that is an entry of its own.
    #[serde(skip)]
    pub revoked: Option<u64>,
}

impl IssuedCa {
    /// The record of a certificate that was made for a grant.
    pub fn of(grant: &Grant, certificate: &Certificate, key: &PublicKey, now: SystemTime) -> Self {
        Self {
            at: unix_seconds(now).unwrap_or(0),
            token: grant.id.clone(),
            trust_domain: grant.trust_domain.clone(),
            serial: certificate.serial().to_owned(),
            key: fingerprint(key),
            validity: certificate.validity(),
            certificate: certificate.pem(),
            revoked: None,
        }
    }
}

/// What became of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenState {
    Unused,
    Used,
    Expired,
    Revoked,
}

/// A token as it is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub id: TokenId,
    pub trust_domain: TrustDomain,
    pub made: u64,
    pub expires: u64,
    /// The position of the certificate that it was used for.
    used: Option<usize>,
    revoked: bool,
}

impl Token {
    pub fn state(&self, now: SystemTime) -> TokenState {
        match self {
            Self { revoked: true, .. } => TokenState::Revoked,
            Self { used: Some(_), .. } => TokenState::Used,
            // A clock before 1970 is wrong; nothing is granted by it.
            _ if unix_seconds(now).unwrap_or(u64::MAX) > self.expires => TokenState::Expired,
            _ => TokenState::Unused,
        }
    }
}

/// An entry that does not follow from those before it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LedgerError {
    #[error("the token {0} is on record already")]
    TokenTwice(TokenId),
    #[error("there is no token {0}")]
    NoToken(TokenId),
    #[error("the token {0} was used or revoked before")]
    TokenSpent(TokenId),
    #[error("there is no certificate {0}")]
    NoCertificate(String),
}

/// How a request is to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<'a> {
    /// With a new certificate, once that is on record.
    Sign(Grant),
    /// With this one, which the same request got before: its answer may not have arrived.
    Again(&'a IssuedCa),
}

/// Everything on record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    max_lifetime: Option<u64>,
    /// By the SHA-256 of the token in hex.
    tokens: BTreeMap<String, Token>,
    issued: Vec<IssuedCa>,
}

impl Ledger {
    /// Takes one more entry on record.
    pub fn apply(&mut self, entry: Entry) -> Result<(), LedgerError> {
        match entry {
            Entry::Policy { max_lifetime, .. } => self.max_lifetime = Some(max_lifetime),
            Entry::Token { at, hash, trust_domain, expires } => {
                let id = TokenId::of(&hash);
                if self.find(&id).is_some() {
                    return Err(LedgerError::TokenTwice(id));
                }
                let token = Token { id, trust_domain, made: at, expires, used: None, revoked: false };
                self.tokens.insert(hash, token);
            }
            Entry::Certificate(issued) => {
                let position = self.issued.len();
                let token = self.find_mut(&issued.token)?;
                if token.used.is_some() || token.revoked {
                    return Err(LedgerError::TokenSpent(issued.token));
                }
                token.used = Some(position);
                self.issued.push(issued);
            }
            Entry::TokenRevoked { token, .. } => self.find_mut(&token)?.revoked = true,
            Entry::CertificateRevoked { at, serial } => {
                let found = self.issued.iter_mut().find(|issued| issued.serial == serial);
                found.ok_or(LedgerError::NoCertificate(serial))?.revoked.get_or_insert(at);
            }
        }
        Ok(())
    }

    /// A new token for one trust domain, good for `lifetime` from now, and the entry that makes it
    /// known.
    pub fn make_token(
        trust_domain: &TrustDomain,
        lifetime: Duration,
        now: SystemTime,
    ) -> Result<(EnrolmentToken, Entry), EnrolmentError> {
        let expires = now.checked_add(lifetime).and_then(unix_seconds).ok_or_else(|| {
            EnrolmentError::Dates(format!("{} s after {}", lifetime.as_secs(), rfc3339(now)))
        })?;
        let token = EnrolmentToken::generate()?;
        let at = unix_seconds(now).unwrap_or(0);
        let hash = hash(token.expose());
        Ok((token, Entry::Token { at, hash, trust_domain: trust_domain.clone(), expires }))
    }

    /// How to answer a request for a certificate of `key`. `claimed` is the trust domain that the
    /// requester says it is; a mismatch, like every other refusal, leaves the token as it was.
    pub fn answer(
        &self,
        token: &str,
        claimed: &TrustDomain,
        key: &PublicKey,
        now: SystemTime,
    ) -> Result<Answer<'_>, EnrolmentError> {
        // Looked up by hash, so that comparing tells nothing about how much of a guess was right.
        let token = self.tokens.get(&hash(token)).ok_or(EnrolmentError::Unknown)?;
        let (id, key) = (token.id.clone(), fingerprint(key));
        if token.trust_domain != *claimed {
            let (bound, claimed) = (token.trust_domain.clone(), claimed.clone());
            return Err(EnrolmentError::OtherTrustDomain { id, bound, claimed });
        }
        if let Some((serial, at)) = self.revoked_key(&key) {
            return Err(EnrolmentError::CaRevoked { serial: serial.to_owned(), at: when(at) });
        }
        match (token.state(now), token.used.map(|position| &self.issued[position])) {
            (TokenState::Revoked, _) => Err(EnrolmentError::Revoked { id }),
            (TokenState::Expired, _) => Err(EnrolmentError::Expired { id, at: when(token.expires) }),
            (_, Some(issued)) if issued.key != key => Err(EnrolmentError::Used { id, at: when(issued.at) }),
            (_, Some(issued)) if issued.validity.standing(now) == Standing::Expired => {
                let (serial, at) = (issued.serial.clone(), rfc3339(issued.validity.not_after));
                Err(EnrolmentError::CertificateExpired { id, serial, at })
            }
            (_, Some(issued)) => Ok(Answer::Again(issued)),
            (_, None) => Ok(Answer::Sign(Grant { id, trust_domain: token.trust_domain.clone() })),
        }
    }

    /// The most that a cluster CA may live.
    pub fn max_lifetime(&self) -> Duration {
        self.max_lifetime.map_or(MAX_LIFETIME, Duration::from_secs)
    }

    /// All tokens, the oldest first.
    pub fn tokens(&self) -> Vec<&Token> {
        let mut tokens: Vec<&Token> = self.tokens.values().collect();
        tokens.sort_by_key(|token| (token.made, &token.id));
        tokens
    }

    /// All certificates, the oldest first.
    pub fn issued(&self) -> &[IssuedCa] {
        &self.issued
    }

    fn revoked_key(&self, key: &str) -> Option<(&str, u64)> {
        let mut of_key = self.issued.iter().filter(|issued| issued.key == key);
        of_key.find_map(|issued| Some((issued.serial.as_str(), issued.revoked?)))
    }

    fn find(&self, id: &TokenId) -> Option<&Token> {
        self.tokens.values().find(|token| token.id == *id)
    }

    fn find_mut(&mut self, id: &TokenId) -> Result<&mut Token, LedgerError> {
        let found = self.tokens.values_mut().find(|token| token.id == *id);
        found.ok_or_else(|| LedgerError::NoToken(id.clone()))
    }
}

/// A time of an entry as people read it (RFC 3339).
pub fn when(seconds: u64) -> String {
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).map_or_else(|| "an unknown time".to_owned(), rfc3339)
}
