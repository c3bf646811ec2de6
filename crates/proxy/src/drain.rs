//! The signal "finish what you are doing and take nothing new": for the whole process, or for one
//! listener that was replaced.
//!
//! It must not know what is being drained.

use tokio_util::sync::CancellationToken;

/// A drain signal. Clones share it; a [`child`](Self::child) also drains when its parent does.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    token: CancellationToken,
}

impl Drain {
    pub fn begin(&self) {
        self.token.cancel();
    }

    pub fn has_begun(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Returns when the drain begins, at once if it already has.
    pub async fn begun(&self) {
        self.token.cancelled().await;
    }

    /// A signal for one part of what this one covers.
    pub fn child(&self) -> Self {
        Self { token: self.token.child_token() }
    }
}
