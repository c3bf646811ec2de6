//! Why an agent cannot go on, and why it has no certificate.
//!
//! It must not know what is done about it: a CA that gives no certificate is asked again.

use std::io;
use std::path::PathBuf;

use carrick_identity::csr::CsrError;
use carrick_identity::key::KeyError;

use super::svid::SvidError;

/// Why an agent cannot run its proxy.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error("the secrets' server failed: {0}")]
    Secrets(String),
    #[error("a task of the agent has ended: {0}")]
    Task(String),
    #[error("the bootstrap cannot be written as JSON: {0}")]
    Bootstrap(String),
    #[error("no proxy program was given")]
    NoProxy,
    #[error("cannot start the proxy {program}: {reason}")]
    Start { program: String, reason: io::Error },
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Why there is no new certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertifyError {
    #[error("the CA at {} gave no certificate: {reason}", control.display())]
    Ca { control: PathBuf, reason: String },
    #[error(transparent)]
    Answer(#[from] SvidError),
    #[error("no key can be made: {0}")]
    Key(#[from] KeyError),
    #[error("no signing request can be made: {0}")]
    Csr(#[from] CsrError),
}
