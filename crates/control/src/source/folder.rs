//! The YAML and JSON files under a set of paths, in a fixed order.
//!
//! It must not know what the files say, nor when they change.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use carrick_model::SourceFile;

/// A larger file is refused: no hand-written configuration comes near, and a bomb is stopped before
/// it is parsed.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Files and folders below one root; paths are shown relative to that root, as the user wrote them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    pub root: PathBuf,
    /// Relative to `root`, or absolute.
    pub includes: Vec<PathBuf>,
}

impl Folder {
    /// Reads every `.yaml`, `.yml` and `.json` file, folders recursively in name order; hidden
    /// entries are skipped.
    ///
    /// # Errors
    /// A path that is not there or cannot be read, named in the error.
    pub fn read(&self) -> io::Result<Vec<SourceFile>> {
        let (files, unreadable) = self.read_what_can_be()?;
        match unreadable.into_iter().next() {
            Some(Unreadable { reason, .. }) => Err(reason),
            None => Ok(files),
        }
    }

    /// The same, and what below the named paths is there and cannot be read.
    ///
    /// # Errors
    /// A named path that is not there or cannot be read.
    pub fn read_what_can_be(&self) -> io::Result<(Vec<SourceFile>, Vec<Unreadable>)> {
        let (mut files, mut unreadable) = (Vec::new(), Vec::new());
        for include in &self.includes {
            read_path(&self.root, include, true, &mut files, &mut unreadable)?;
        }
        Ok((files, unreadable))
    }

    /// The paths to watch for changes.
    pub fn watched(&self) -> Vec<PathBuf> {
        self.includes.iter().map(|include| self.root.join(include)).collect()
    }
}

/// A file or folder below a named path that cannot be read.
#[derive(Debug)]
pub struct Unreadable {
    /// As files' paths are shown.
    pub path: String,
    pub reason: io::Error,
}

fn read_path(
    root: &Path,
    shown: &Path,
    named: bool,
    files: &mut Vec<SourceFile>,
    unreadable: &mut Vec<Unreadable>,
) -> io::Result<()> {
    match read_one(root, shown, named, files, unreadable) {
        Err(reason) if !named => {
            unreadable.push(Unreadable { path: shown.to_string_lossy().into_owned(), reason });
            Ok(())
        }
        read => read,
    }
}

fn read_one(
    root: &Path,
    shown: &Path,
    named: bool,
    files: &mut Vec<SourceFile>,
    unreadable: &mut Vec<Unreadable>,
) -> io::Result<()> {
    let path = root.join(shown);
    let at = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let facts = match fs::metadata(&path) {
        // An editor's temporary file can vanish between listing and reading.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !named => return Ok(()),
        facts => facts.map_err(at)?,
    };
    if facts.is_dir() {
        let mut names: Vec<_> = fs::read_dir(&path)
            .map_err(at)?
            .map(|entry| Ok(entry?.file_name()))
            .collect::<io::Result<_>>()
            .map_err(at)?;
        names.sort();
        for name in names.iter().filter(|name| !name.to_string_lossy().starts_with('.')) {
            let child = shown.join(name);
            if root.join(&child).is_dir() || is_configuration(&child) {
                read_path(root, &child, false, files, unreadable)?;
            }
        }
        return Ok(());
    }
    if facts.len() > MAX_FILE {
        return Err(at(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 16 MiB; split it")));
    }
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !named => return Ok(()),
        bytes => bytes.map_err(at)?,
    };
    files.push(SourceFile::new(shown.to_string_lossy(), String::from_utf8_lossy(&bytes).as_ref()));
    Ok(())
}

fn is_configuration(path: &Path) -> bool {
    path.extension().is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known))
}

#[cfg(test)]
mod tests;
