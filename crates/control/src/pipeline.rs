//! The way from files to resources, top to bottom: read -> parse -> snapshot -> published to every stream -> translated for each proxy.
//!
//! It must not know who is connected, nor how resources are sent.

mod last_good;
mod settings;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use carrick_model::{AddressTable, Diagnostic, Federation, MeshSnapshot, SourceFile, parse, parse_with};
use carrick_translate::{ProxyNode, translate};
use carrick_xds::ProxyResources;
use tokio::sync::watch;

use self::last_good::LastGood;
use crate::source::folder::Folder;
use crate::source::watch::Watch;
use crate::{files, findings};

/// What the whole control plane works from at a moment.
#[derive(Debug)]
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
        let (federation, sources) = read(&options)?;
        let mut watched = sources.watched();
        watched.push(options.federation.clone());
        // Watching starts before the first reading is used, so that no change in between is missed.
        let watch = Watch::start(&watched)?;
        let addresses = load_addresses(&options.addresses)?;
        let mut last_good = LastGood::default();
        let built = build(&options, &federation, sources.read()?, addresses, &mut last_good)?;
        save_addresses(&options.addresses, &built.addresses)?;
        let (publish, published) = watch::channel(Arc::new(built.publish(1, &federation)));
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
        let (federation, sources) = read(&self.options)?;
        let built =
            build(&self.options, &federation, sources.read()?, self.addresses.clone(), &mut self.last_good)?;
        if built.addresses != self.addresses {
            save_addresses(&self.options.addresses, &built.addresses)?;
            self.addresses = built.addresses.clone();
        }
        let version = self.publish.borrow().version + 1;
        self.publish.send_replace(Arc::new(built.publish(version, &federation)));
        Ok(())
    }
}

/// What one proxy should run.
pub fn resources_for(snapshot: &MeshSnapshot, node: &ProxyNode) -> ProxyResources {
    translate(snapshot, node)
}

struct Built {
    snapshot: Arc<MeshSnapshot>,
    addresses: AddressTable,
    diagnostics: Vec<Diagnostic>,
    files: Vec<SourceFile>,
}

impl Built {
    fn publish(&self, version: u64, federation: &Federation) -> Published {
        Published {
            version,
            snapshot: self.snapshot.clone(),
            upstream_resolvers: federation.dns.upstream.clone(),
            diagnostics: self.diagnostics.clone(),
            files: self.files.clone(),
        }
    }
}

/// The federation file, and the cluster's files by it.
fn read(options: &PipelineOptions) -> Result<(Federation, Folder)> {
    let root = options.federation.parent().unwrap_or(Path::new("."));
    let name = options.federation.file_name().unwrap_or_default().to_string_lossy();
    let text = files::read(&options.federation)?;
    let federation = read_federation(&SourceFile::new(name, text.as_str()))?;
    let cluster =
        federation.clusters.iter().find(|cluster| cluster.name == options.cluster).with_context(|| {
            format!("{} has no cluster {}", options.federation.display(), options.cluster)
        })?;
    let includes = cluster.resources.iter().map(PathBuf::from).chain(options.extra.iter().cloned()).collect();
    Ok((federation.clone(), Folder { root: root.to_owned(), includes }))
}

fn read_federation(file: &SourceFile) -> Result<Federation> {
    let (resources, diagnostics) = parse(std::slice::from_ref(file));
    if diagnostics.iter().any(Diagnostic::is_error) {
        bail!("{}", findings::as_text(&diagnostics));
    }
    resources
        .into_iter()
        .find_map(|resource| match resource {
            carrick_model::AnyResource::Federation(federation) => Some(federation.spec.clone()),
            _ => None,
        })
        .with_context(|| format!("{}: there is no resource of kind Federation in it", file.path))
}

fn build(
    options: &PipelineOptions,
    federation: &Federation,
    newest: Vec<SourceFile>,
    addresses: AddressTable,
    last_good: &mut LastGood,
) -> Result<Built> {
    let settings = settings::of(federation, &options.cluster)
        .with_context(|| format!("{} has no cluster {}", options.federation.display(), options.cluster))?;
    let substitute = settings::substitutions(federation, &options.cluster);
    last_good.settle(newest, |files| {
        let (resources, mut diagnostics) = parse_with(files, &substitute);
        let (snapshot, addresses, more) =
            carrick_model::build(resources, settings.clone(), addresses.clone());
        diagnostics.extend(more);
        Built { snapshot: Arc::new(snapshot), addresses, diagnostics, files: files.to_vec() }
    })
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
