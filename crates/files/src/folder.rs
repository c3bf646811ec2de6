//! Sets of files that are there whole or not at all: written into a folder beside, which is then
//! renamed.
//!
//! A process that is killed half-way leaves that folder beside; the next attempt removes it. It
//! must not know what the files mean.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::{at, parent_of, private_dir, sync_parent, temporary_name, write_new};

/// A file of a set: its name, its content, and the mode that it has from its creation on.
pub type FileOfSet<'a> = (&'a str, Vec<u8>, u32);

/// Makes a directory with these files in one step. An empty directory that is there is taken.
///
/// # Errors
/// `AlreadyExists` if there is a directory with anything in it, or a file: it stays as it is.
pub fn create_dir(path: &Path, files: &[FileOfSet<'_>]) -> io::Result<()> {
    let draft = Draft::beside(path, files)?;
    match fs::rename(&draft.temporary, path) {
        Err(error) if is_taken(&error) => Err(io::Error::new(
            ErrorKind::AlreadyExists,
            format!("{} is there already, and not empty", path.display()),
        )),
        renamed => renamed.map_err(|error| at(path, error)),
    }?;
    sync_parent(path)
}

/// Makes a directory with these files, in place of the one that is there, if any. No reader ever
/// sees half of the set; after a crash [`recover_dir`] says which one is in force.
pub fn replace_dir(path: &Path, files: &[FileOfSet<'_>]) -> io::Result<()> {
    recover_dir(path)?;
    let draft = Draft::beside(path, files)?;
    let retired = retired_name(path);
    if path.exists() {
        fs::rename(path, &retired).map_err(|error| at(path, error))?;
    }
    fs::rename(&draft.temporary, path).map_err(|error| at(path, error))?;
    sync_parent(path)?;
    // The new set is in force; should the old one stay, the next step removes it.
    let _ = fs::remove_dir_all(&retired);
    Ok(())
}

/// Ends what a crash interrupted in [`replace_dir`]: between its two renames the old set stands
/// complete under another name, and comes back. Called before a set is read.
pub fn recover_dir(path: &Path) -> io::Result<()> {
    let retired = retired_name(path);
    if !retired.exists() {
        return Ok(());
    }
    match path.exists() {
        true => fs::remove_dir_all(&retired).map_err(|error| at(&retired, error)),
        false => {
            fs::rename(&retired, path).map_err(|error| at(path, error))?;
            sync_parent(path)
        }
    }
}

/// A complete set under another name. Removed when dropped, unless it was renamed.
struct Draft {
    temporary: PathBuf,
    /// Whoever writes beside it waits, so that what lies about is nobody's.
    _lock: File,
}

impl Draft {
    fn beside(path: &Path, files: &[FileOfSet<'_>]) -> io::Result<Self> {
        let parent = parent_of(path);
        durable_dir(parent)?;
        let lock = File::open(parent).map_err(|error| at(parent, error))?;
        lock.lock().map_err(|error| at(parent, error))?;
        remove_abandoned(path)?;
        let draft = Self { temporary: temporary_name(path), _lock: lock };
        draft.write(files).map_err(|error| at(path, error))?;
        Ok(draft)
    }

    fn write(&self, files: &[FileOfSet<'_>]) -> io::Result<()> {
        private_dir(&self.temporary)?;
        for (name, content, mode) in files {
            write_new(&self.temporary.join(name), content, *mode)?.sync_all()?;
        }
        File::open(&self.temporary)?.sync_all()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // It is gone if all went well; else the next attempt tries again.
        let _ = fs::remove_dir_all(&self.temporary);
    }
}

/// Removes what killed processes have left beside `path`, where keys may be in it.
fn remove_abandoned(path: &Path) -> io::Result<()> {
    let own = temporary_name(path);
    let own = own.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some((prefix, _)) = own.rsplit_once('.') else { return Ok(()) };
    for entry in fs::read_dir(parent_of(path)).map_err(|error| at(path, error))? {
        let entry = entry.map_err(|error| at(path, error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_draft = name.len() == own.len() && name.rsplit_once('.').is_some_and(|(of, _)| of == prefix);
        if is_draft && entry.path().is_dir() {
            fs::remove_dir_all(entry.path()).map_err(|error| at(&entry.path(), error))?;
        }
    }
    Ok(())
}

/// Makes a private directory and its parents so that they are there after a power failure too.
fn durable_dir(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> =
        path.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists()).collect();
    private_dir(path)?;
    missing.into_iter().try_for_each(sync_parent)
}

fn retired_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.retired"))
}

fn is_taken(error: &io::Error) -> bool {
    use ErrorKind::{AlreadyExists, DirectoryNotEmpty, NotADirectory};
    matches!(error.kind(), AlreadyExists | DirectoryNotEmpty | NotADirectory)
}

#[cfg(test)]
mod tests;
