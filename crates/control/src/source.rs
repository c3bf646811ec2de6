//! Where a cluster's configuration comes from. Each source tells when it may have changed, and what
//! it says now, as files: a file on disk is one, an object of an API server can be shown as one.
//!
//! It must not know what the files say.

pub mod folder;
pub mod watch;

use std::io;
use std::path::PathBuf;

use carrick_model::SourceFile;
use futures_util::future::select_all;

use self::folder::{Folder, Unreadable};
use self::watch::Watch;

/// One source of configuration.
pub enum Source {
    /// Files on this machine's disk.
    Folder { folder: Folder, watch: Watch },
}

impl Source {
    /// Follows a folder from now on, and `also`, files that are not read here but tell how to read.
    ///
    /// # Errors
    /// A path that is not there, or the kernel's limit on watches.
    pub fn folder(folder: Folder, also: &[PathBuf]) -> notify::Result<Self> {
        let watched: Vec<PathBuf> = folder.watched().into_iter().chain(also.iter().cloned()).collect();
        Ok(Self::Folder { folder, watch: Watch::start(&watched)? })
    }

    /// Completes when the source may say something else than before. Cancel-safe.
    pub async fn changed(&mut self) {
        match self {
            Self::Folder { watch, .. } => watch.changed().await,
        }
    }

    /// What it says now, in a fixed order, and what of it cannot be read.
    ///
    /// # Errors
    /// Something that it should have and that cannot be read, named in the error.
    pub fn files(&self) -> io::Result<(Vec<SourceFile>, Vec<Unreadable>)> {
        match self {
            Self::Folder { folder, .. } => folder.read_what_can_be(),
        }
    }
}

/// Completes when any of the sources may have changed; never, if there are none. Cancel-safe.
pub async fn any_changed(sources: &mut [Source]) {
    if sources.is_empty() {
        std::future::pending::<()>().await;
    }
    select_all(sources.iter_mut().map(|source| Box::pin(source.changed()))).await;
}
