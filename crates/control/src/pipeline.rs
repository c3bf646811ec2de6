//! The way from files to resources, top to bottom: read -> parse -> snapshot -> published to every stream -> translated for each proxy.
//!
//! It must not know who is connected, nor how resources are sent.

mod access_log;
mod last_good;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use carrick_model::{
    AddressTable, Diagnostic, FederatedCluster, MeshSnapshot, SourceFile, parse_federation, parse_with,
    render,
};
use carrick_translate::{ProxyNode, unsupported};
use carrick_xds::ProxyResources;
use tokio::sync::watch;

use self::last_good::LastGood;
use crate::files;
use crate::source::folder::Folder;
use crate::source::watch::Watch;
use crate::translations::Translations;

pub use access_log::FLOW_FIELDS;

/// What the whole control plane works from at a moment.
#[derive(Debug, Clone)]
pub struct Published {
    /// Rises by one with every change.
    pub version: u64,
    pub snapshot: Arc<MeshSnapshot>,
    /// The cluster's resolvers for names that are not the mesh's.
    pub upstream_resolvers: Vec<String>,
    /// Findings in the newest files, also where an older version is in force.
    pub diagnostics: Vec<Diagnostic>,
    /// The newest files, to show findings in.
    pub files: Vec<SourceFile>,
}

/// Where one cluster's configuration is.
#[derive(Debug, Clone)]
pub struct PipelineOptions {
    /// The federation file.
    pub federation: PathBuf,
    pub cluster: String,
    /// What the runtime knows of pods, beside the operator's files.
    pub extra: Vec<PathBuf>,
    /// Where allocated addresses are kept.
    pub addresses: PathBuf,
    /// Whether access logs have the fields that flow records are made of, see [`FLOW_FIELDS`].
    pub flow_log: bool,
}

/// Reads one cluster's files, again after each change, and publishes the newest good state.
pub struct Pipeline {
    options: PipelineOptions,
    addresses: AddressTable,
    last_good: LastGood,
    watch: Watch,
    publish: watch::Sender<Arc<Published>>,
}

impl Pipeline {
    /// Reads everything once. Resources with errors are left out and reported; a federation file that cannot be used is an error, since
    /// nothing can be known without it.
    pub fn start(options: PipelineOptions) -> Result<(Self, watch::Receiver<Arc<Published>>)> {
        let inputs = Inputs::read(&options)?;
        let mut watched = inputs.folder.watched();
        watched.push(options.federation.clone());
        // Watching starts before the first reading is used, so that no change in between is missed.
        let watch = Watch::start(&watched)?;
        let addresses = load_addresses(&options.addresses)?;
        let mut last_good = LastGood::default();
        let built = build(&inputs, addresses, &mut last_good)?;
        save_addresses(&options.addresses, &built.addresses)?;
        let (publish, published) = watch::channel(Arc::new(built.publish(1, &inputs)));
        Ok((Self { options, addresses: built.addresses, last_good, watch, publish }, published))
    }

    /// Follows changes for ever. A change that cannot be used is reported and changes nothing.
    pub async fn run(mut self) -> Result<()> {
        loop {
            self.watch.changed().await;
            if let Err(error) = self.advance() {
                tracing::error!("the change was not applied: {error:#}");
            }
        }
    }

    fn advance(&mut self) -> Result<()> {
        let version = self.publish.borrow().version + 1;
        let inputs = match Inputs::read(&self.options) {
            Ok(inputs) => inputs,
            Err(Unreadable::Findings { diagnostics, file }) => {
                let now = self.publish.borrow().clone();
                let told = Published { version, diagnostics, files: vec![file], ..Published::clone(&now) };
                self.publish.send_replace(Arc::new(told));
                return Ok(());
            }
            Err(Unreadable::Other(error)) => return Err(error),
        };
        let built = build(&inputs, self.addresses.clone(), &mut self.last_good)?;
        if built.addresses != self.addresses {
            save_addresses(&self.options.addresses, &built.addresses)?;
            self.addresses = built.addresses.clone();
        }
        self.publish.send_replace(Arc::new(built.publish(version, &inputs)));
        Ok(())
    }
}

/// What one proxy should run.
pub fn resources_for(made: &Translations, published: &Published, node: &ProxyNode) -> ProxyResources {
    made.of(published.version, &published.snapshot, node)
}

/// What one reading found: this cluster in the federation, and the folders with its resources.
struct Inputs {
    cluster: FederatedCluster,
    folder: Folder,
    flow_log: bool,
}

/// Why the federation file tells nothing.
enum Unreadable {
    Findings { diagnostics: Vec<Diagnostic>, file: SourceFile },
    Other(anyhow::Error),
}

impl From<Unreadable> for anyhow::Error {
    fn from(reason: Unreadable) -> Self {
        match reason {
            Unreadable::Findings { diagnostics, file } => {
                anyhow::anyhow!("{}", render(&diagnostics, &[file]))
            }
            Unreadable::Other(error) => error,
        }
    }
}

impl Inputs {
    fn read(options: &PipelineOptions) -> Result<Self, Unreadable> {
        let name = options.federation.file_name().unwrap_or_default().to_string_lossy();
        let text = files::read(&options.federation).map_err(|error| Unreadable::Other(error.into()))?;
        let file = SourceFile::new(name, text.as_str());
        let (federation, diagnostics) = parse_federation(&file);
        let Some(federation) = federation else { return Err(Unreadable::Findings { diagnostics, file }) };
        let cluster = federation.cluster(&options.cluster).cloned().ok_or_else(|| {
            let reason =
                anyhow::anyhow!("{} has no cluster {}", options.federation.display(), options.cluster);
            Unreadable::Other(reason)
        })?;
        let own = &cluster.runtime.resources;
        let includes = own.iter().map(PathBuf::from).chain(options.extra.iter().cloned()).collect();
        let root = options.federation.parent().unwrap_or(Path::new(".")).to_owned();
        Ok(Self { cluster, folder: Folder { root, includes }, flow_log: options.flow_log })
    }
}

struct Built {
    snapshot: Arc<MeshSnapshot>,
    addresses: AddressTable,
    diagnostics: Vec<Diagnostic>,
    files: Vec<SourceFile>,
}

impl Built {
    fn publish(&self, version: u64, inputs: &Inputs) -> Published {
        Published {
            version,
            snapshot: self.snapshot.clone(),
            upstream_resolvers: inputs.cluster.config.resolvers.clone(),
            diagnostics: self.diagnostics.clone(),
            files: self.files.clone(),
        }
    }
}

fn build(inputs: &Inputs, addresses: AddressTable, last_good: &mut LastGood) -> Result<Built> {
    let mut settings = inputs.cluster.config.settings.clone();
    if inputs.flow_log {
        settings.access_log = Some(access_log::flow());
    }
    let newest = inputs.folder.read()?;
    Ok(last_good.settle(newest, |files| {
        let (resources, mut diagnostics) = parse_with(files, &inputs.cluster.runtime.substitute);
        let (snapshot, addresses, more) =
            carrick_model::build(resources, settings.clone(), addresses.clone());
        diagnostics.extend(more);
        diagnostics.extend(unsupported(&snapshot));
        Built { snapshot: Arc::new(snapshot), addresses, diagnostics, files: files.to_vec() }
    }))
}

fn load_addresses(path: &Path) -> Result<AddressTable> {
    match files::read(path) {
        Ok(text) => serde_json::from_str(&text)
            .with_context(|| format!("{} is damaged; remove it to allocate addresses anew", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(AddressTable::default()),
        Err(error) => Err(error.into()),
    }
}

fn save_addresses(path: &Path, addresses: &AddressTable) -> Result<()> {
    Ok(files::replace(path, &serde_json::to_vec_pretty(addresses)?, 0o644)?)
}
