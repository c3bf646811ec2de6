//! The way from files to resources, top to bottom: read -> parse -> snapshot -> published to every stream -> translated for each proxy.
//!
//! It must not know who is connected, nor how resources are sent.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use carrick_model::{
    AddressTable, Diagnostic, Federation, LastGood, MeshSettings, MeshSnapshot, SourceFile, federation,
};
use carrick_translate::{ProxyNode, translate};
use carrick_xds::ProxyResources;
use tokio::sync::watch;

use crate::files;
use crate::source::folder::Folder;
use crate::source::watch::Watch;

/// What the whole control plane works from at a moment.
#[derive(Debug)]
pub struct Published {
    /// Rises by one with every change.
    pub version: u64,
    pub snapshot: Arc<MeshSnapshot>,
    /// Findings in the newest files, also where an older version is in force.
    pub diagnostics: Vec<Diagnostic>,
    /// The newest files, to show findings in.
    pub files: Vec<SourceFile>,
}

/// Reads one cluster's files and keeps the newest good state of them.
#[derive(Debug)]
pub struct Pipeline {
    federation: PathBuf,
    cluster: String,
    /// What the runtime knows of pods, beside the operator's files.
    extra: Vec<PathBuf>,
    addresses_file: PathBuf,
    addresses: AddressTable,
    last_good: LastGood,
}
