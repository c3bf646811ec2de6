//! What a root CA has on record: `carrick root-ca list --json`.

use serde::{Deserialize, Serialize};

/// The tokens that a root CA has made and the cluster CAs that it has signed, the oldest first.
/// Times are as in RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RootCaRecord {
    /// The most seconds that a cluster CA lives from now on.
    pub max_ca_lifetime_s: u64,
    pub certificates: Vec<CaCertificate>,
    pub tokens: Vec<EnrolmentToken>,
}

/// A certificate that a cluster CA has got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CaCertificate {
    /// In hexadecimal digits.
    pub serial: String,
    /// `spiffe://` and the cluster's trust domain.
    pub identity: String,
    /// The name of the token that it was given for.
    pub token: String,
    pub issued: String,
    pub not_before: String,
    pub not_after: String,
    /// When it was revoked: its key gets no certificate any more. It stays valid where it is.
    pub revoked: Option<String>,
}

/// An enrolment token; the token itself is not on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EnrolmentToken {
    pub name: String,
    pub trust_domain: String,
    pub made: String,
    pub expires: String,
    pub state: TokenState,
}

/// What became of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum TokenState {
    Unused,
    Used,
    Expired,
    Revoked,
}
