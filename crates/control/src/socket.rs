//! Unix sockets that only this user may reach, for an async server.
//!
//! It must not know what is served on them.

use std::io;
use std::path::Path;

use tokio::net::UnixListener;

use crate::files;

/// Listens on a Unix socket in a folder that only this user may enter, see
/// [`files::listen_private`].
pub fn bind_private(path: &Path) -> io::Result<UnixListener> {
    UnixListener::from_std(files::listen_private(path)?)
}
