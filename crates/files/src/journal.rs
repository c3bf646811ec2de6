//! A file of lines to which lines are added and that never changes otherwise. A line is on disk
//! before whoever added it hears so; a line that a crash or a full disk cut off was never added.
//!
//! Processes share it through a lock. It must not know what the lines say.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::{at, sync_parent};

/// Where such a file is.
#[derive(Debug, Clone)]
pub struct Journal {
    path: PathBuf,
}

/// Why a step of [`Journal::change`] came to nothing.
#[derive(Debug)]
pub enum JournalError<E> {
    Storage(io::Error),
    /// The step's own refusal; nothing was written.
    Step(E),
}

impl Journal {
    /// The file is made by the first line that is added, with mode 0600.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All lines, without their ends; none if there is no file.
    pub fn lines(&self) -> io::Result<Vec<String>> {
        match File::open(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(at(&self.path, error)),
            Ok(mut file) => file
                .lock_shared()
                .and_then(|()| whole_lines(&mut file))
                .map_err(|error| at(&self.path, error)),
        }
    }

    /// Shows all lines to `step`, which may answer with one more; that is on disk when this
    /// returns. Nobody else adds a line meanwhile.
    ///
    /// # Errors
    /// The step's, or the system's: then the line was not added, as far as the system lets us see
    /// to that.
    pub fn change<T, E>(
        &self,
        step: impl FnOnce(Vec<String>) -> Result<(T, Option<String>), E>,
    ) -> Result<T, JournalError<E>> {
        let storage = |error| JournalError::Storage(at(&self.path, error));
        let is_new = !self.path.exists();
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&self.path);
        let mut file = opened.map_err(storage)?;
        file.lock().map_err(storage)?;
        let lines = whole_lines(&mut file).map_err(storage)?;
        let length = lines.iter().map(|line| line.len() as u64 + 1).sum();
        let (answer, line) = step(lines).map_err(JournalError::Step)?;
        if let Some(line) = line {
            append(&mut file, length, &line).map_err(storage)?;
            if is_new {
                sync_parent(&self.path).map_err(JournalError::Storage)?;
            }
        }
        Ok(answer)
    }
}

/// The lines that have an end.
fn whole_lines(file: &mut File) -> io::Result<Vec<String>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |position| position + 1);
    bytes.truncate(end);
    let text = String::from_utf8(bytes)
        .map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is no text; restore it from a backup"))?;
    Ok(text.split_terminator('\n').map(str::to_owned).collect())
}

/// Writes a line after the first `length` bytes. What stands behind them was cut off, and goes.
fn append(file: &mut File, length: u64, line: &str) -> io::Result<()> {
    if line.contains('\n') {
        return Err(io::Error::new(ErrorKind::InvalidInput, "a line has no end within"));
    }
    let write = |file: &mut File| {
        file.set_len(length)?;
        file.seek(SeekFrom::Start(length))?;
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_all()
    };
    write(file).inspect_err(|_| {
        // Half a line does no harm; a whole one that was not acknowledged would be found later. If
        // it cannot be taken back either, whoever asked for it asks again and finds it.
        let _ = file.set_len(length).and_then(|()| file.sync_all());
    })
}

#[cfg(test)]
mod tests;
