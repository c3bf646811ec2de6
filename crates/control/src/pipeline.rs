//! The way from sources to resources, top to bottom: read -> parse -> snapshot -> published to
//! every stream -> translated for each proxy.
//!
//! It must not know who is connected, nor how resources are sent.

mod access_log;
mod last_good;

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use carrick_identity::TrustDomain;
use carrick_model::{AddressTable, Diagnostic, FederatedCluster, MeshSnapshot, SourceFile};
use carrick_translate::ProxyNode;
use carrick_xds::ProxyResources;
use tokio::sync::watch;

use self::last_good::{LastGood, Settled};
use crate::files;
use crate::reading::{FederationError, Reader, operators_folder, read_cluster};
use crate::source::folder::Folder;
use crate::source::{Source, any_changed};
use crate::translations::Translations;

pub use access_log::FLOW_FIELDS;

/// What the whole control plane works from at a moment.
#[derive(Debug, Clone)]
pub struct Published {
    /// Rises by one with every change.
    pub version: u64,
    pub snapshot: Arc<MeshSnapshot>,
    /// The cluster's resolvers for names that are not the mesh's, `address` or `address:port`.
    pub resolvers: Vec<String>,
    /// Findings in the newest files, also where an older version is in force.
    pub diagnostics: Vec<Diagnostic>,
    /// The newest files, to show findings in.
    pub files: Vec<SourceFile>,
}

impl Published {
    /// The domain that the cluster's workloads belong to.
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.snapshot.settings().trust_domain
    }
}

/// Where one cluster's configuration is.
#[derive(Debug, Clone)]
pub struct PipelineOptions {
    /// The federation file.
    pub federation: PathBuf,
    pub cluster: String,
    /// What the runtime knows of pods, beside the operator's files.
    pub runtime: Vec<PathBuf>,
    /// Where allocated addresses are kept.
    pub addresses: PathBuf,
    /// Where the last good files are kept.
    pub last_good: PathBuf,
    /// Whether access logs have the fields that flow records are made of, see [`FLOW_FIELDS`].
    pub flow_log: bool,
}

/// Why there is no configuration, or a change is not applied.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    #[error(transparent)]
    Federation(#[from] FederationError),
    #[error("cannot follow changes of the configuration: {0}")]
    Watch(#[from] notify::Error),
    #[error("the configuration cannot be read: {0}")]
    Source(io::Error),
    #[error("{} is damaged; remove it to allocate addresses anew: {reason}", path.display())]
    Addresses { path: PathBuf, reason: serde_json::Error },
    #[error("allocated addresses cannot be kept: {0}")]
    Storage(io::Error),
}

/// Reads one cluster's sources, again after each change, and publishes the newest good state.
pub struct Pipeline {
    options: PipelineOptions,
    addresses: AddressTable,
    last_good: LastGood,
    reader: Reader,
    /// First the operator's, then the runtime's.
    sources: Vec<Source>,
    /// The operator's folder that the first source follows.
    followed: Folder,
    publish: watch::Sender<Arc<Published>>,
}

impl Pipeline {
    /// Reads everything once. Resources with errors are left out and reported; a federation file
    /// that cannot be used is an error, since nothing can be known without it.
    pub fn start(options: PipelineOptions) -> Result<(Self, watch::Receiver<Arc<Published>>), PipelineError> {
        let cluster = read_cluster(&options.federation, &options.cluster)?;
        // Watching starts before what is read is used, so that no change in between is missed.
        let followed = operators_folder(&options.federation, &cluster);
        let sources = vec![operators_source(&options, &followed)?, runtime_source(&options)?];
        // The federation file may have changed before it was watched.
        let cluster = read_cluster(&options.federation, &options.cluster)?;
        let addresses = load_addresses(&options.addresses)?;
        let (mut reader, mut last_good) = (Reader::default(), LastGood::load(&options.last_good));
        let settled = settle(&options, &cluster, &sources, addresses.clone(), &mut reader, &mut last_good)?;
        save_addresses(&options.addresses, &settled.reading.addresses)?;
        let addresses = settled.reading.addresses.clone();
        let (publish, published) = watch::channel(Arc::new(published(1, &cluster, settled)));
        Ok((Self { options, addresses, last_good, reader, sources, followed, publish }, published))
    }

    /// Follows changes for ever. A change that cannot be used is reported and changes nothing.
    pub async fn run(mut self) -> Infallible {
        loop {
            any_changed(&mut self.sources).await;
            // Reading and building can take seconds, and those who serve must not wait for it.
            let building = tokio::task::spawn_blocking(move || {
                let outcome = self.advance();
                (self, outcome)
            });
            let outcome;
            (self, outcome) = match building.await {
                Ok(built) => built,
                Err(failed) => match failed.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    // The runtime ends, and everything with it.
                    Err(_) => std::future::pending().await,
                },
            };
            if let Err(error) = outcome {
                tracing::error!("the change was not applied: {error}");
            }
        }
    }

    fn advance(&mut self) -> Result<(), PipelineError> {
        let version = self.publish.borrow().version + 1;
        let cluster = match read_cluster(&self.options.federation, &self.options.cluster) {
            Ok(cluster) => cluster,
            Err(FederationError::Findings { findings, file }) => {
                let now = self.publish.borrow().clone();
                let told =
                    Published { version, diagnostics: findings, files: vec![file], ..Published::clone(&now) };
                self.publish.send_replace(Arc::new(told));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.follow(&cluster)?;
        let settled = settle(
            &self.options,
            &cluster,
            &self.sources,
            self.addresses.clone(),
            &mut self.reader,
            &mut self.last_good,
        )?;
        if settled.reading.addresses != self.addresses {
            save_addresses(&self.options.addresses, &settled.reading.addresses)?;
            self.addresses = settled.reading.addresses.clone();
        }
        self.publish.send_replace(Arc::new(published(version, &cluster, settled)));
        Ok(())
    }

    /// The federation file may name other files than before.
    fn follow(&mut self, cluster: &FederatedCluster) -> Result<(), PipelineError> {
        let folder = operators_folder(&self.options.federation, cluster);
        if folder != self.followed {
            self.sources[0] = operators_source(&self.options, &folder)?;
            self.followed = folder;
        }
        Ok(())
    }
}

/// What one proxy should run.
pub fn resources_for(made: &Translations, published: &Published, node: &ProxyNode) -> ProxyResources {
    made.of(published.version, &published.snapshot, node)
}

/// The operator's files, and the federation file, which says which these are.
fn operators_source(options: &PipelineOptions, folder: &Folder) -> notify::Result<Source> {
    Source::folder(folder.clone(), std::slice::from_ref(&options.federation))
}

/// What the runtime tells.
fn runtime_source(options: &PipelineOptions) -> notify::Result<Source> {
    let root = options.federation.parent().unwrap_or(Path::new(".")).to_owned();
    Source::folder(Folder { root, includes: options.runtime.clone() }, &[])
}

/// Reads all sources and makes the newest good state of them.
fn settle(
    options: &PipelineOptions,
    cluster: &FederatedCluster,
    sources: &[Source],
    addresses: AddressTable,
    reader: &mut Reader,
    last_good: &mut LastGood,
) -> Result<Settled, PipelineError> {
    let mut settings = cluster.config.settings.clone();
    if options.flow_log {
        settings.access_log = Some(access_log::flow());
    }
    let (mut newest, mut unreadable) = (Vec::new(), Vec::new());
    // Of two resources of one name the second is refused. That must be the operator's: the runtime
    // says who the pods are that run.
    for source in sources.iter().rev() {
        let (files, not_read) = source.files().map_err(PipelineError::Source)?;
        newest.extend(files);
        unreadable.extend(not_read);
    }
    let settled = last_good
        .settle(newest, unreadable, |files| {
            reader.snapshot(files, cluster, settings.clone(), addresses.clone())
        })
        .map_err(PipelineError::Source)?;
    reader.finish();
    // What is in force does not depend on it, only what a restart would find.
    if let Err(error) = last_good.keep(&options.last_good) {
        tracing::error!("the last good files cannot be kept: {error}");
    }
    Ok(settled)
}

fn published(version: u64, cluster: &FederatedCluster, settled: Settled) -> Published {
    Published {
        version,
        snapshot: settled.reading.snapshot,
        resolvers: cluster.config.resolvers.clone(),
        diagnostics: settled.findings,
        files: settled.newest,
    }
}

fn load_addresses(path: &Path) -> Result<AddressTable, PipelineError> {
    match files::read(path) {
        Ok(text) => serde_json::from_str(&text)
            .map_err(|reason| PipelineError::Addresses { path: path.to_owned(), reason }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(AddressTable::default()),
        Err(error) => Err(PipelineError::Storage(error)),
    }
}

fn save_addresses(path: &Path, addresses: &AddressTable) -> Result<(), PipelineError> {
    let text = serde_json::to_vec_pretty(addresses).map_err(|error| PipelineError::Storage(error.into()))?;
    files::replace(path, &text, 0o644).map_err(PipelineError::Storage)
}

#[cfg(test)]
mod tests;
