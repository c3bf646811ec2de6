//! Why a peer was not believed: which certificate, the reason, and the mend.

use super::Usage;
use crate::certificate::{Certificate, CertificateError};
use crate::spiffe::TrustDomain;
use crate::validity::rfc3339;
use std::fmt;
use std::time::SystemTime;
use thiserror::Error;

/// Whose certificate it is, and so who has to renew it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    Leaf,
    Intermediate,
    Root,
}

/// Why a chain is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VerifyError {
    #[error("the peer sent no certificate; let it present its workload certificate (mutual TLS)")]
    NoCertificate,
    #[error(
        "the peer sent {sent} certificates; at most {} are read; send the leaf and its intermediates only",
        super::MAX_CHAIN
    )]
    TooMany { sent: usize },
    #[error(
        "there is no trusted root to verify the peer against; wait for the trust bundle or configure one"
    )]
    NoRoots,
    #[error("certificate number {place} of the peer's chain is unreadable: {reason}")]
    Unreadable { place: usize, reason: CertificateError },
    #[error("the {holder} certificate {certificate} expired at {not_after}, it is now {now}; {}", .holder.renewal())]
    Expired { holder: Holder, certificate: String, not_after: String, now: String },
    #[error(
        "the {holder} certificate {certificate} is valid only from {not_before}, it is now {now}; compare the clocks of both machines"
    )]
    NotYetValid { holder: Holder, certificate: String, not_before: String, now: String },
    #[error(
        "no trusted root issued the certificate {certificate}, whose issuer is \"{issuer}\"; trusted are: {roots}; send the missing intermediate or trust the peer's root"
    )]
    UnknownIssuer { certificate: String, issuer: String, roots: String },
    #[error(
        "a signature in the chain of the certificate {certificate} is wrong: it bears the name of a trusted issuer but was not signed by it; look for two CAs of one name, or a forgery"
    )]
    BadSignature { certificate: String },
    #[error(
        "the certificate {certificate} is a CA's and cannot be used as a peer's own; issue a workload certificate"
    )]
    LeafIsCa { certificate: String },
    #[error(
        "the certificate {certificate} has signed another but is not a CA (CA:TRUE, keyCertSign); issue from a CA"
    )]
    NotACa { certificate: String },
    #[error(
        "the CA certificate {certificate} allows {limit} further CAs below it, but {below} are in the chain; issue from it directly"
    )]
    PathTooLong { certificate: String, limit: u32, below: usize },
    #[error("the certificate {certificate} is not meant for {usage}; issue it with that extended key usage")]
    WrongUsage { certificate: String, usage: Usage },
    #[error(
        "the certificate {certificate} names no SPIFFE ID; a workload certificate has exactly one URI name spiffe://..."
    )]
    NotAnSvid { certificate: String },
    #[error(
        "the certificate {certificate} is no valid SPIFFE identity: {reason}; have it issued anew by the mesh CA"
    )]
    BadIdentity { certificate: String, reason: String },
    #[error(
        "the certificate {certificate} was issued by {signer}, which speaks for the trust domain {own} only; have it issued by the CA of its own trust domain"
    )]
    ForeignTrustDomain { certificate: String, signer: String, own: TrustDomain },
    #[error(
        "the certificate {certificate} has names besides its SPIFFE ID, but was issued by {signer}, which speaks for SPIFFE IDs of {own} only; have it issued with one URI name and nothing else"
    )]
    FurtherNames { certificate: String, signer: String, own: TrustDomain },
    #[error(
        "the certificate {certificate} was issued below {signer}, whose name constraints forbid it: {reason}; have it issued by the CA of its own trust domain"
    )]
    Constrained { certificate: String, signer: String, reason: String },
    #[error("the chain of the certificate {certificate} is refused: {reason}")]
    Refused { certificate: String, reason: String },
}

impl VerifyError {
    /// Turns webpki's reason for refusing a leaf into one that names it.
    pub(super) fn from_webpki(
        error: webpki::Error,
        leaf: &Certificate,
        usage: Usage,
        now: SystemTime,
    ) -> Self {
        use webpki::Error as E;
        let (certificate, validity, now) = (leaf.to_string(), leaf.validity(), rfc3339(now));
        match error {
            E::CertExpired { .. } => {
                let not_after = rfc3339(validity.not_after);
                Self::Expired { holder: Holder::Leaf, certificate, not_after, now }
            }
            E::CertNotValidYet { .. } => {
                let not_before = rfc3339(validity.not_before);
                Self::NotYetValid { holder: Holder::Leaf, certificate, not_before, now }
            }
            E::InvalidSignatureForPublicKey => Self::BadSignature { certificate },
            E::CaUsedAsEndEntity => Self::LeafIsCa { certificate },
            E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => {
                Self::WrongUsage { certificate, usage }
            }
            other => Self::Refused { certificate, reason: other.to_string() },
        }
    }

    /// Of the refusals of several paths, the one to show: the first of those that say most. A wrong
    /// signature may only mean two CAs of one name, an unknown issuer that the path leads
    /// elsewhere.
    pub(super) fn keep_the_more_telling(kept: &mut Option<Self>, other: Self) {
        let says = |e: &Self| match e {
            Self::UnknownIssuer { .. } => 0,
            Self::BadSignature { .. } => 1,
            _ => 2,
        };
        if kept.as_ref().is_none_or(|kept| says(&other) > says(kept)) {
            *kept = Some(other);
        }
    }
}

impl Holder {
    fn renewal(self) -> &'static str {
        match self {
            Self::Leaf => "see why the peer did not renew it (is its CA reachable?)",
            Self::Intermediate => "renew the cluster CA of the peer",
            Self::Root => "replace the root CA",
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Leaf => "peer's own",
            Self::Intermediate => "intermediate",
            Self::Root => "root",
        })
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientAuth => "clients (clientAuth)",
            Self::ServerAuth => "servers (serverAuth)",
        })
    }
}
