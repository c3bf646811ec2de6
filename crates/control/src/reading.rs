//! From a federation's files to one cluster's snapshot: federation file -> cluster -> folder ->
//! parsed resources -> snapshot. The running control plane, the plan for a machine and the analysis
//! all come this way, so that they cannot come to different conclusions.
//!
//! It must not know who asks, when files change, nor which pods run.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use carrick_model::{
    AddressTable, AnyResource, Diagnostic, FederatedCluster, Federation, MeshSettings, MeshSnapshot,
    ParseCache, SourceFile, parse_federation, render,
};
use carrick_translate::unsupported;

use crate::source::folder::Folder;

/// The file in a folder that makes it a federation.
pub const FEDERATION_FILE: &str = "federation.yaml";

/// A federation file as it was read.
#[derive(Debug, Clone)]
pub struct FederationText {
    /// What it says; `None` if it has errors.
    pub federation: Option<Arc<Federation>>,
    /// What is wrong with it.
    pub findings: Vec<Diagnostic>,
    pub file: SourceFile,
}

/// Why a federation file tells nothing.
#[derive(Debug, thiserror::Error)]
pub enum FederationError {
    #[error("{} cannot be read; a federation folder needs a {FEDERATION_FILE}: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: io::Error },
    #[error("{}", render(findings, std::slice::from_ref(file)))]
    Findings { findings: Vec<Diagnostic>, file: SourceFile },
    #[error("{} has no cluster {cluster}", path.display())]
    NoCluster { path: PathBuf, cluster: String },
}

impl FederationText {
    /// Reads the file at `path`. What is wrong in it is a finding.
    ///
    /// # Errors
    /// [`FederationError::Unreadable`].
    pub fn read(path: &Path) -> Result<Self, FederationError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let text = std::fs::read_to_string(path)
            .map_err(|reason| FederationError::Unreadable { path: path.to_owned(), reason })?;
        let file = SourceFile::new(name, text);
        let (federation, findings) = parse_federation(&file);
        Ok(Self { federation, findings, file })
    }

    /// The federation that the file describes.
    ///
    /// # Errors
    /// [`FederationError::Findings`].
    pub fn usable(&self) -> Result<&Arc<Federation>, FederationError> {
        let findings =
            || FederationError::Findings { findings: self.findings.clone(), file: self.file.clone() };
        self.federation.as_ref().ok_or_else(findings)
    }
}

/// The cluster of that name in the federation file at `path`.
///
/// # Errors
/// Any [`FederationError`].
pub fn read_cluster(path: &Path, cluster: &str) -> Result<FederatedCluster, FederationError> {
    let text = FederationText::read(path)?;
    text.usable()?
        .cluster(cluster)
        .cloned()
        .ok_or_else(|| FederationError::NoCluster { path: path.to_owned(), cluster: cluster.to_owned() })
}

/// Where a cluster's operator keeps its files, beside the federation file at `path`.
pub fn operators_folder(path: &Path, cluster: &FederatedCluster) -> Folder {
    Folder {
        root: path.parent().unwrap_or(Path::new(".")).to_owned(),
        includes: cluster.runtime.resources.iter().map(PathBuf::from).collect(),
    }
}

/// Makes snapshots of files, again and again: a file is parsed once, until its text changes.
#[derive(Debug, Default)]
pub struct Reader {
    cache: ParseCache,
}

/// What became of one cluster's files.
#[derive(Debug, Clone)]
pub struct Reading {
    pub snapshot: Arc<MeshSnapshot>,
    /// The allocated addresses, with those that this reading needed.
    pub addresses: AddressTable,
    /// What is wrong in single documents.
    pub in_documents: Vec<Diagnostic>,
    /// What is wrong with the resources together, or cannot be told to any proxy.
    pub together: Vec<Diagnostic>,
}

impl Reader {
    /// The resources in a cluster's files, and what is wrong in single documents.
    pub fn resources(
        &mut self,
        files: &[SourceFile],
        cluster: &FederatedCluster,
    ) -> (Vec<AnyResource>, Vec<Diagnostic>) {
        self.cache.parse(files, &cluster.runtime.substitute)
    }

    /// A cluster's files as a snapshot with these settings. Resources with errors are left out.
    pub fn snapshot(
        &mut self,
        files: &[SourceFile],
        cluster: &FederatedCluster,
        settings: MeshSettings,
        addresses: AddressTable,
    ) -> Reading {
        let (resources, in_documents) = self.resources(files, cluster);
        let (snapshot, addresses, mut together) = carrick_model::build(resources, settings, addresses);
        together.extend(unsupported(&snapshot));
        Reading { snapshot: Arc::new(snapshot), addresses, in_documents, together }
    }

    /// A reading of everything is over: what it did not ask for is forgotten.
    pub fn finish(&mut self) {
        self.cache.forget_unused();
    }
}

impl Reading {
    pub fn findings(&self) -> impl Iterator<Item = &Diagnostic> {
        self.in_documents.iter().chain(&self.together)
    }
}
