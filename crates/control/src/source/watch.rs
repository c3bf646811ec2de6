//! Tells when something under a set of paths has changed and come to rest.
//!
//! It must not know what the files say; the reader reads them again whole.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// Editors write in bursts (truncate, write, rename); the burst is over when nothing has happened for this long.
const QUIET: Duration = Duration::from_millis(15);
/// A burst that does not end is acted upon after this long all the same.
const LONGEST: Duration = Duration::from_millis(500);

/// A running watch; changes are coalesced while nobody waits.
pub struct Watch {
    changes: mpsc::Receiver<()>,
    // Dropping the watcher ends the watch.
    _watcher: notify::RecommendedWatcher,
}

impl Watch {
    /// Starts to watch. A file is watched through its folder, since editors replace files by renaming over them.
    ///
    /// # Errors
    /// A path that is not there, or the kernel's limit on watches.
    pub fn start(paths: &[PathBuf]) -> notify::Result<Self> {
        let (sender, changes) = mpsc::channel(1);
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // An error can mean that events were lost, so it counts as a change. A full channel already says "read again".
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
        Ok(Self { changes, _watcher: watcher })
    }

    /// Waits for the next change, then until the burst is over. Cancel-safe.
    pub async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            // The watcher lives as long as we do, so its sender cannot be gone; waiting for ever is the safe reading.
            std::future::pending::<()>().await;
        }
        let burst = async { while tokio::time::timeout(QUIET, self.changes.recv()).await.is_ok() {} };
        // Whether it was quiet in the end makes no difference: what comes later is the next change.
        let _ = tokio::time::timeout(LONGEST, burst).await;
    }
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
