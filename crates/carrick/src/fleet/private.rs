//! Folders that belong to this user alone. In a place that everybody may write, such as `/tmp`, somebody else may have been there first.
//!
//! It must not know what is kept in them.

use std::fs::{self, DirBuilder, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Makes a folder and those above it, for this user alone, and checks that it is.
pub fn make(path: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    // What stands in the way is told better below.
    if let Err(error) = made.as_ref()
        && error.kind() != ErrorKind::AlreadyExists
    {
        return made.with_context(|| format!("cannot make the folder {}", path.display()));
    }
    check(path)
}

/// Whether a folder, if it is there, is this user's alone: no link to elsewhere, owned by the user, without rights for others. Where others
/// could put files or sockets, they could have this program trust theirs.
pub fn check(path: &Path) -> Result<()> {
    let facts = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        facts => facts.with_context(|| format!("cannot look at {}", path.display()))?,
    };
    let user = rustix::process::geteuid().as_raw();
    if let Some(reason) = fault(&facts, user) {
        bail!(
            "{} cannot be used: {reason}; remove it, or set XDG_RUNTIME_DIR and XDG_STATE_HOME to folders that only user {user} may enter",
            path.display()
        );
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
