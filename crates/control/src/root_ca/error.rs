//! Why a root CA cannot be made, opened or served, and why it does not sign.
//!
//! It must not know what is done about it.

use std::io;
use std::path::PathBuf;

use carrick_identity::certificate::CertificateError;
use carrick_identity::enrolment::{EnrolmentError, LedgerError};
use carrick_identity::issue::IssueError;
use carrick_identity::key::KeyError;
use carrick_identity::ttl::TtlError;

/// What is wrong with a root CA's folder, or with serving it.
#[derive(Debug, thiserror::Error)]
pub enum RootCaError {
    #[error("{} holds a root CA already; choose another folder", dir.display())]
    Exists { dir: PathBuf },
    #[error("cannot make a root CA, which needs a folder of its own: {0}")]
    Make(io::Error),
    #[error("cannot use {}: {reason}", path.display())]
    Key { path: PathBuf, reason: KeyError },
    #[error("cannot use {}: {reason}", path.display())]
    Certificate { path: PathBuf, reason: CertificateError },
    #[error("{} holds {count} certificates; a root is one", path.display())]
    NotOne { path: PathBuf, count: usize },
    /// Certificate and key do not belong together, or no root can be made.
    #[error(transparent)]
    Authority(#[from] IssueError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("the root CA's server failed: {0}")]
    Server(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Why the record cannot be read or added to.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("the root CA's record cannot be read or written, so nothing is decided: {0}")]
    Storage(io::Error),
    #[error("{}:{line}: {reason}; restore the file from a backup, nothing is decided before", path.display())]
    Damaged { path: PathBuf, line: usize, reason: String },
    #[error(transparent)]
    Refused(#[from] LedgerError),
    #[error(transparent)]
    Token(EnrolmentError),
}

/// Why a request for a certificate is refused.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Refused(#[from] EnrolmentError),
    #[error("the root CA's policy: {0}")]
    Lifetime(#[from] TtlError),
    #[error(transparent)]
    Issue(#[from] IssueError),
}
