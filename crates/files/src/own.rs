//! Folders that belong to this user alone. In a place that everybody may write, such as `/tmp`,
//! somebody else may have been there first.
//!
//! It must not know what is kept in them.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::{at, private_dir};

/// Makes a folder and those above it, for this user alone, and checks that it is.
///
/// # Errors
/// As [`check_own_dir`].
pub fn own_dir(path: &Path) -> io::Result<()> {
    match private_dir(path) {
        // What stands in the way is told better below.
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => check_own_dir(path),
    }
}

/// Whether a folder, if it is there, is this user's alone: no link to elsewhere, owned by the user,
/// without rights for others. Where others could put files or sockets, they could have this program
/// trust theirs.
///
/// # Errors
/// What it is instead, and what helps.
pub fn check_own_dir(path: &Path) -> io::Result<()> {
    let facts = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        facts => facts.map_err(|error| at(path, error))?,
    };
    let user = rustix::process::geteuid().as_raw();
    if let Some(reason) = fault(&facts, user) {
        let text = format!(
            "{} cannot be used: {reason}; remove it, or set XDG_RUNTIME_DIR and XDG_STATE_HOME to folders that \
             only user {user} may enter",
            path.display()
        );
        return Err(io::Error::new(ErrorKind::PermissionDenied, text));
    }
    Ok(())
}

fn fault(facts: &Metadata, user: u32) -> Option<String> {
    let (owner, mode) = (facts.uid(), facts.mode() & 0o777);
    if facts.is_symlink() {
        return Some(format!("it is a symbolic link, made by user {owner}"));
    }
    if !facts.is_dir() {
        return Some(format!("it is no folder, and belongs to user {owner}"));
    }
    if owner != user {
        return Some(format!("it belongs to user {owner}, not to user {user}"));
    }
    (mode & 0o077 != 0)
        .then(|| format!("its mode {mode:04o} lets others in; `chmod 700` mends that, if nobody used it"))
}

#[cfg(test)]
mod tests;
