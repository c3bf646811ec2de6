//! The one error of this crate: what was being done, to what, and why the kernel refused. Knows no
//! other module.

use std::io;

/// A step that failed: "create the bridge of network cluster1: Operation not permitted (os error
/// 1)".
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {reason}")]
pub struct Error {
    doing: String,
    #[source]
    reason: io::Error,
}

impl Error {
    /// An error of our own making, where no system call is to blame.
    pub(crate) fn refused(doing: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { doing: doing.into(), reason: io::Error::other(reason.into()) }
    }

    /// The operating system's (or our own) reason, without what was being done.
    pub fn reason(&self) -> &io::Error {
        &self.reason
    }

    /// Puts a wider view in front: "pod client: write /proc/...: permission denied".
    pub(crate) fn within(self, place: impl std::fmt::Display) -> Self {
        Self { doing: format!("{place}: {}", self.doing), reason: self.reason }
    }
}

/// For `map_err`: names the step whose system call failed.
pub(crate) fn failed<E: Into<io::Error>>(doing: impl Into<String>) -> impl FnOnce(E) -> Error {
    move |reason| Error { doing: doing.into(), reason: reason.into() }
}
