//! Tells when something under a set of paths has changed and come to rest.
//!
//! It must not know what the files say; the reader reads them again whole.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Editors write in bursts (truncate, write, rename); the burst is over when nothing has happened
/// for this long.
const QUIET: Duration = Duration::from_millis(15);
/// A burst that does not end is acted upon after this long all the same.
const LONGEST: Duration = Duration::from_millis(500);

/// What events may have missed is looked for this often: a folder that was moved away, removed or
/// linked anew takes its watch along.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A running watch; changes are coalesced while nobody waits.
pub struct Watch {
    paths: Vec<PathBuf>,
    changes: mpsc::Receiver<()>,
    // Dropping the watcher ends the watch.
    _watcher: notify::RecommendedWatcher,
    /// What there was when a change was last told.
    seen: u64,
    look_again: Instant,
}

impl Watch {
    /// Starts to watch. A file is watched through its folder, since editors replace files by
    /// renaming over them.
    ///
    /// # Errors
    /// A path that is not there, or the kernel's limit on watches.
    pub fn start(paths: &[PathBuf]) -> notify::Result<Self> {
        let (watcher, changes) = watch(paths)?;
        let seen = fingerprint(paths);
        let look_again = Instant::now() + LOOK_AGAIN;
        Ok(Self { paths: paths.to_vec(), changes, _watcher: watcher, seen, look_again })
    }

    /// Waits for the next change, then until the burst is over. Cancel-safe.
    pub async fn changed(&mut self) {
        loop {
            tokio::select! {
                Some(()) = self.changes.recv() => {
                    let burst = async {
                        while tokio::time::timeout(QUIET, self.changes.recv()).await.is_ok() {}
                    };
                    // Whether it was quiet in the end makes no difference: what comes later is the
                    // next change.
                    let _ = tokio::time::timeout(LONGEST, burst).await;
                    break;
                }
                () = tokio::time::sleep_until(self.look_again) => {
                    self.look_again = Instant::now() + LOOK_AGAIN;
                    if fingerprint(&self.paths) == self.seen {
                        continue;
                    }
                    // No event told. What is there now is watched anew; where that fails, as while
                    // a folder is away, looking again is left.
                    if let Ok((watcher, changes)) = watch(&self.paths) {
                        (self._watcher, self.changes) = (watcher, changes);
                    }
                    // It may not have come to rest yet.
                    tokio::time::sleep(QUIET).await;
                    break;
                }
            }
        }
        self.seen = fingerprint(&self.paths);
    }
}

fn watch(paths: &[PathBuf]) -> notify::Result<(notify::RecommendedWatcher, mpsc::Receiver<()>)> {
    let (sender, changes) = mpsc::channel(1);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // An error can mean that events were lost, so it counts as a change. A full channel already
        // says "read again".
        if event.map_or(true, |event| matters(&event)) {
            let _ = sender.try_send(());
        }
    })?;
    for path in paths {
        let (target, mode) = if path.is_dir() {
            (path.as_path(), RecursiveMode::Recursive)
        } else {
            (path.parent().unwrap_or(Path::new("/")), RecursiveMode::NonRecursive)
        };
        watcher.watch(target, mode)?;
    }
    Ok((watcher, changes))
}

/// Differs when anything below the paths does, by what the file system notes of every change: its
/// number, size and time.
fn fingerprint(paths: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for path in paths {
        add(path, 0, &mut hasher);
    }
    hasher.finish()
}

fn add(path: &Path, depth: usize, hasher: &mut DefaultHasher) {
    // Deeper is a circle of links.
    const DEEPEST: usize = 32;
    path.hash(hasher);
    let facts = match std::fs::metadata(path) {
        Ok(facts) => facts,
        Err(error) => return error.kind().hash(hasher),
    };
    if !facts.is_dir() {
        return (facts.dev(), facts.ino(), facts.len(), facts.ctime(), facts.ctime_nsec()).hash(hasher);
    }
    // A folder's own times change with entries that are of no interest.
    (facts.dev(), facts.ino(), facts.mode()).hash(hasher);
    let mut entries: Vec<PathBuf> = match std::fs::read_dir(path) {
        Ok(entries) if depth < DEEPEST => entries.flatten().map(|entry| entry.path()).collect(),
        Ok(_) => return,
        Err(error) => return error.kind().hash(hasher),
    };
    entries.sort();
    let hidden =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    entries.iter().filter(|path| !hidden(path)).for_each(|path| add(path, depth + 1, hasher));
}

/// Only finished writes matter: a file that is open for writing would be read half-written.
fn matters(event: &Event) -> bool {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        EventKind::Modify(notify::event::ModifyKind::Name(_)) => true,
        EventKind::Modify(_) => false,
        EventKind::Create(_) | EventKind::Remove(_) | EventKind::Any | EventKind::Other => true,
    }
}

#[cfg(test)]
mod tests;
