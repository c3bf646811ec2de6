//! Unix sockets that only this user may reach.
//!
//! It must not know what is served on them.

use std::path::Path;

use anyhow::{Context, Result};
use tokio::net::UnixListener;

use crate::files;

/// Listens on a Unix socket in a folder that only this user may enter.
pub fn bind_private(path: &Path) -> Result<UnixListener> {
    if let Some(parent) = path.parent() {
        files::private_dir(parent)?;
    }
    // A socket file left by a killed process would make the bind fail; nobody is listening on it if connecting fails.
    if path.exists() && std::os::unix::net::UnixStream::connect(path).is_err() {
        std::fs::remove_file(path)
            .with_context(|| format!("cannot remove the stale socket {}", path.display()))?;
    }
    UnixListener::bind(path).with_context(|| format!("cannot listen on {}", path.display()))
}
