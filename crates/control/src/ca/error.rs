//! Why there is no cluster CA, and why the root gives none.
//!
//! It must not know what is done about it: a root that cannot be reached is asked again, a damaged
//! folder is for the operator to help.

use std::io;
use std::path::PathBuf;

use carrick_identity::TrustDomain;
use carrick_identity::cacerts::CaCertsError;
use carrick_identity::certificate::CertificateError;
use carrick_identity::csr::CsrError;
use carrick_identity::key::KeyError;

/// Why the root CA signed nothing.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    #[error("cannot reach the root CA at {}: {reason}", socket.display())]
    Unreachable { socket: PathBuf, reason: String },
    /// In the root's own words; asking again with the same token is of no use.
    #[error("the root CA refused to enrol this cluster: {reason}")]
    Refused { reason: String },
}

/// Why there is no cluster CA to work with.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    #[error(transparent)]
    Root(#[from] RootError),
    #[error("cannot use the CA in {}: {reason}", dir.display())]
    Damaged { dir: PathBuf, reason: Box<CaCertsError> },
    #[error(
        "the CA in {} is for {own}, and the federation file says {wanted}; to enrol it anew takes a token \
         for {wanted}: {reason}",
        dir.display()
    )]
    OtherDomain { dir: PathBuf, own: TrustDomain, wanted: TrustDomain, reason: Box<CaError> },
    /// By its name constraints, or those of a CA above it.
    #[error("the CA in {} cannot be used for {wanted}: {reason}", dir.display())]
    Foreign { dir: PathBuf, wanted: TrustDomain, reason: Box<CaCertsError> },
    #[error("there is no CA in {} and no enrolment token to get one; pass --token", dir.display())]
    NoToken { dir: PathBuf },
    #[error("the root CA's answer cannot be used: {0}")]
    Answer(Box<CaCertsError>),
    #[error("the root CA's answer cannot be read: {0}")]
    AnswerText(#[from] CertificateError),
    #[error("the root CA answered without a certificate")]
    NoCertificate,
    #[error("no key can be made: {0}")]
    Key(#[from] KeyError),
    #[error("no signing request can be made: {0}")]
    Csr(#[from] CsrError),
    /// The CA's folder or the token's file.
    #[error(transparent)]
    Io(#[from] io::Error),
}
