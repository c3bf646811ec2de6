//! Writing files so that a crash leaves either the old content or the new, and keys are private
//! from their first byte.
//!
//! Sockets of this user's own are made here too. It must not know what the files mean, nor what is
//! served.
//!
//! Everything blocks; a caller on an async worker keeps to small files or moves the call away.

mod folder;
mod journal;
mod own;
mod socket;

pub use folder::{create_dir, recover_dir, replace_dir};
pub use journal::{Journal, JournalError};
pub use own::{check_own_dir, own_dir};
pub use socket::{listen_private, remove_stale_socket};

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Makes a directory (and its parents) that only this user may enter.
pub fn private_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| at(path, error))
}

/// Replaces `path` atomically: a temporary file beside it is written, synced, and renamed over it,
/// then the directory is synced. The file has `mode` from its creation on.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    swap(path, |temporary| {
        let file = write_new(temporary, content, mode)?;
        file.sync_all()
    })?;
    sync_parent(path)
}

/// As [`replace`], for files that mean nothing once the machine has stopped, such as those of a run
/// directory: readers never see half of one, but nothing is synced, which takes milliseconds on a
/// disk.
pub fn replace_volatile(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    swap(path, |temporary| write_new(temporary, content, mode).map(drop))
}

/// Has a temporary file beside `path` written, then renames it over it.
fn swap(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let temporary = temporary_name(path);
    let written = write(&temporary).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|error| {
        // Nothing may be left of a failed attempt; that it failed is the news.
        let _ = fs::remove_file(&temporary);
        at(path, error)
    })
}

/// Creates `path` with `content`; fails if it is there already.
pub fn create(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let created = write_new(path, content, mode).and_then(|file| file.sync_all());
    created.map_err(|error| at(path, error))?;
    sync_parent(path)
}

/// Reads a whole file as text, naming it in the error.
pub fn read(path: &Path) -> io::Result<String> {
    fs::read_to_string(path).map_err(|error| at(path, error))
}

/// The file has its mode from its creation on, and was not there before.
fn write_new(path: &Path, content: &[u8], mode: u32) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content)?;
    Ok(file)
}

fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn sync_parent(path: &Path) -> io::Result<()> {
    File::open(parent_of(path)).and_then(|dir| dir.sync_all()).map_err(|error| at(path, error))
}

fn temporary_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{:016x}", rand::random::<u64>()))
}

/// The error with the file's name, which those of the system lack.
fn at(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
