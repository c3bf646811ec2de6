//! A federation folder as read: its clusters, their files, the pods that these ask for, and every
//! address.
//!
//! Pure but for reading files. It must not know how networks and pods are made.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use anyhow::{Result, bail};
use carrick_control::reading::{FEDERATION_FILE, FederationText, Reader, operators_folder};
use carrick_model::{
    AddressTable, AnyResource, Cidr, Diagnostic, FederatedCluster, Federation, ResourceName, SourceFile,
};

use super::pods::{self, Gateway, PodSpec, Role};

/// What every cluster has before its operator adds anything.
const INSTALL: &str = include_str!("install.yaml");

/// What stands for the file of these, which nobody wrote.
pub const INSTALLED: &str = "(installed)";

/// The control plane's pod, counted from the start of the pod network; it also answers DNS there.
const CONTROL_PLANE: u32 = 10;
const FIRST_POD: u32 = 11;

/// One folder, read once.
#[derive(Debug, Clone)]
pub struct FederationPlan {
    pub name: String,
    pub folder: PathBuf,
    pub federation: Arc<Federation>,
    pub clusters: Vec<ClusterPlan>,
    /// Findings in the operator's files, and the files to show them in.
    pub diagnostics: Vec<Diagnostic>,
    pub files: Vec<SourceFile>,
}

/// One cluster of it.
#[derive(Debug, Clone)]
pub struct ClusterPlan {
    pub spec: FederatedCluster,
    pub pods: Vec<PodSpec>,
    /// The installed resources that the operator's own do not replace, as YAML.
    pub install: String,
}

/// The file in a folder that makes it a federation.
pub fn federation_file(folder: &Path) -> PathBuf {
    folder.join(FEDERATION_FILE)
}

/// Reads and checks a folder, see [`read_again`].
pub fn read(folder: &Path) -> Result<FederationPlan> {
    read_again(folder, &mut Reader::default())
}

/// Reads and checks a folder; the reader knows what has not changed. Findings are in the plan; they
/// are the caller's to judge.
///
/// # Errors
/// If there is no usable federation file, or a file cannot be read.
pub fn read_again(folder: &Path, reader: &mut Reader) -> Result<FederationPlan> {
    let text = FederationText::read(&federation_file(folder))?;
    let federation = text.usable()?.clone();
    let mut plan = FederationPlan {
        name: federation.meta.name.clone(),
        folder: folder.to_owned(),
        clusters: Vec::new(),
        diagnostics: text.findings,
        files: vec![text.file],
        federation: federation.clone(),
    };
    for spec in &federation.clusters {
        let cluster = read_cluster(&mut plan, spec, reader)?;
        plan.clusters.push(cluster);
    }
    reader.finish();
    Ok(plan)
}

fn read_cluster(
    plan: &mut FederationPlan,
    spec: &FederatedCluster,
    reader: &mut Reader,
) -> Result<ClusterPlan> {
    let files = operators_folder(&federation_file(&plan.folder), spec).read()?;
    let (own, mut diagnostics) = reader.resources(&files, spec);
    let install = install_for(&own);
    let mut all = files.clone();
    all.push(SourceFile::new(INSTALLED, install.as_str()));
    let (resources, _) = reader.resources(&all, spec);
    let (pods, more) = pods::desired(&resources);
    diagnostics.extend(more);
    // Whether the resources fit together is asked here, before anything is started; the control
    // plane asks again, when it knows of pods too. Until then only errors mean anything.
    let settings = spec.config.settings.clone();
    let reading = reader.snapshot(&all, spec, settings, AddressTable::default());
    diagnostics.extend(reading.together.into_iter().filter(Diagnostic::is_error));
    plan.diagnostics.extend(diagnostics);
    plan.files.extend(files);
    Ok(ClusterPlan { spec: spec.clone(), pods, install })
}

/// The installed documents without those that the operator's resources replace by name.
pub fn install_for(own: &[AnyResource]) -> String {
    let names: BTreeSet<_> = own.iter().map(|resource| resource.meta().resource_name()).collect();
    let kept =
        INSTALLED_DOCUMENTS.iter().filter(|(_, defines)| defines.iter().all(|name| !names.contains(name)));
    kept.map(|(text, _)| *text).collect::<Vec<_>>().join("\n---\n")
}

/// Each installed document, and the resources that it defines.
static INSTALLED_DOCUMENTS: LazyLock<Vec<(&str, Vec<ResourceName>)>> = LazyLock::new(|| {
    let documents = INSTALL.split("\n---\n");
    let defined = |document| {
        let (resources, _) = carrick_model::parse(&[SourceFile::new(INSTALLED, document)]);
        resources.iter().map(|resource| resource.meta().resource_name()).collect()
    };
    documents.map(|document| (document, defined(document))).collect()
});

impl FederationPlan {
    pub fn cluster(&self, name: &str) -> Option<&ClusterPlan> {
        self.clusters.iter().find(|cluster| cluster.spec.name == name)
    }

    /// The address of `network` that is `offset` after its first.
    pub fn address(network: Cidr, offset: u32) -> Result<Ipv4Addr> {
        let IpAddr::V4(base) = network.address() else { bail!("{network} is not an IPv4 network") };
        let mask = u32::MAX.checked_shl(32 - u32::from(network.prefix())).unwrap_or(0);
        let address = Ipv4Addr::from_bits((base.to_bits() & mask).wrapping_add(offset));
        if !network.contains(IpAddr::V4(address)) {
            bail!("the network {network} has no address number {offset}; make it larger");
        }
        Ok(address)
    }

    pub fn control_plane_address(&self) -> Result<Ipv4Addr> {
        Self::address(self.federation.networks.pods, CONTROL_PLANE)
    }

    /// The gateway's address on the internet; only the first replica of each gateway has one.
    pub fn internet_address(&self, spec: &FederatedCluster, pod: &PodSpec) -> Option<Ipv4Addr> {
        if !pod.name.ends_with("-0") {
            return None;
        }
        match pod.role {
            Role::Gateway(Gateway::Ingress) => Some(spec.runtime.ingress),
            Role::Gateway(Gateway::Egress) => Some(spec.runtime.egress),
            Role::Gateway(Gateway::Other) | Role::Sidecar | Role::Plain => None,
        }
    }
}

/// Pod addresses that stay as long as the supervisor runs, so that a pod that comes back has its
/// old one.
#[derive(Debug, Default)]
pub struct PodAddresses {
    given: BTreeMap<(String, String, String), Ipv4Addr>,
}

impl PodAddresses {
    pub fn get(&mut self, network: Cidr, cluster: &str, pod: &PodSpec) -> Result<Ipv4Addr> {
        let key = (cluster.to_owned(), pod.namespace.clone(), pod.name.clone());
        if let Some(address) = self.given.get(&key) {
            return Ok(*address);
        }
        // Clusters share one range on purpose; counting through all of them keeps it easy to tell
        // two pods apart.
        let offset = FIRST_POD + u32::try_from(self.given.len())?;
        let address = FederationPlan::address(network, offset)?;
        self.given.insert(key, address);
        Ok(address)
    }
}
