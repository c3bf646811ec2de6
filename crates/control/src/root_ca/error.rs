//! Why a root CA cannot be made, opened or served, and why a token does not enrol.
//!
//! It must not know what is done about it.

use std::io;
use std::path::PathBuf;

use carrick_identity::certificate::CertificateError;
use carrick_identity::enrolment::EnrolmentError;
use carrick_identity::issue::IssueError;
use carrick_identity::key::KeyError;

/// What is wrong with a root CA's folder, or with serving it.
#[derive(Debug, thiserror::Error)]
pub enum RootCaError {
    #[error("{} holds a root CA already; choose another folder", dir.display())]
    Exists { dir: PathBuf },
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
    Token(#[from] EnrolError),
    #[error("the root CA's server failed: {0}")]
    Server(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Why a token does not enrol, or none can be made.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    #[error(transparent)]
    Refused(#[from] EnrolmentError),
    #[error("the enrolment tokens cannot be read or written: {0}")]
    Storage(#[from] io::Error),
    #[error("the enrolment tokens cannot be read: {} is damaged: {reason}", path.display())]
    Damaged { path: PathBuf, reason: serde_json::Error },
}
