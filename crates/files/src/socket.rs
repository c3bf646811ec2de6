//! Unix sockets that only this user may reach.
//!
//! It must not know what is served on them.

use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use crate::{at, private_dir};

/// Listens on a Unix socket in a folder that only this user may enter. The listener does not block,
/// as an async runtime wants it.
///
/// # Errors
/// Names the path. A socket on which somebody listens, or a file that is no socket, is never
/// replaced.
pub fn listen_private(path: &Path) -> io::Result<UnixListener> {
    if let Some(parent) = path.parent() {
        private_dir(parent)?;
    }
    remove_stale_socket(path)?;
    let listener = UnixListener::bind(path).map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on {}: {error}", path.display()))
    })?;
    listener.set_nonblocking(true).map_err(|error| at(path, error))?;
    Ok(listener)
}

/// Removes the socket file that a killed process has left, which would make the next bind fail. A
/// socket is stale if the kernel refuses to connect to it: whatever else goes wrong, somebody may
/// be listening.
pub fn remove_stale_socket(path: &Path) -> io::Result<()> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(|error| at(path, error))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
