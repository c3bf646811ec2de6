//! The run directory: who has it, has it alone. It holds a lock file that the outer process and pid
//! 1 both keep locked (shared), so a directory whose lock is free was left behind by the dead and
//! may be removed.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::error::{Error, failed};

const LOCK: &str = ".lock";

#[derive(Debug)]
pub(super) struct RunDir {
    path: PathBuf,
    _lock: File,
}

impl RunDir {
    /// Makes the directory, locked from the moment at which it appears.
    pub(super) fn create(path: &Path) -> Result<Self, Error> {
        let place = path.display();
        let absolute = std::path::absolute(path).map_err(failed(format!("find {place}")))?;
        let (Some(parent), Some(name)) = (absolute.parent(), absolute.file_name()) else {
            return Err(Error::refused(
                format!("make the run directory {place}"),
                "it has no parent directory",
            ));
        };
        fs::create_dir_all(parent).map_err(failed(format!("make {}", parent.display())))?;
        remove_if_abandoned(&absolute)?;

        // Made under another name and then renamed, so that nobody sees it without its lock.
        let draft = parent.join(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
        DirBuilder::new()
            .mode(0o700)
            .create(&draft)
            .map_err(failed(format!("make the run directory {}", draft.display())))?;
        let made = File::create_new(draft.join(LOCK)).and_then(|lock| {
            flock(&lock, FlockOperation::NonBlockingLockShared)?;
            fs::rename(&draft, &absolute)?;
            Ok(lock)
        });
        match made {
            Ok(lock) => Ok(Self { path: absolute, _lock: lock }),
            Err(error) => {
                // The draft is ours; if it cannot be removed, the error below matters more.
                let _ = fs::remove_dir_all(&draft);
                Err(failed(format!("take the run directory {place}"))(error))
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Pid 1 removes the directory; this does it where pid 1 was killed or never came to be.
    pub(super) fn remove(&self) {
        if let Err(error) = fs::remove_dir_all(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!("could not remove {}: {error}", self.path.display());
        }
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        self.remove();
    }
}

/// A second holder of the lock, for pid 1.
pub(super) fn hold(path: &Path) -> Result<File, Error> {
    let doing = || format!("hold the run directory {}", path.display());
    let lock = File::open(path.join(LOCK)).map_err(failed(doing()))?;
    flock(&lock, FlockOperation::NonBlockingLockShared).map_err(failed(doing()))?;
    Ok(lock)
}

fn remove_if_abandoned(path: &Path) -> Result<(), Error> {
    let doing = || format!("make the run directory {}", path.display());
    if fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    let lock = File::open(path.join(LOCK))
        .map_err(|_| Error::refused(doing(), "it exists and is not ours; name another, or remove it"))?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Err(Error::refused(doing(), "a federation is running there; end it first"));
    }
    fs::remove_dir_all(path).map_err(failed(format!("remove {}, which a dead run left", path.display())))
}
