//! A federation folder as read: its clusters, their files, the pods that these ask for, and every address.
//!
//! Pure but for reading files. It must not know how networks and pods are made.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use carrick_control::source::folder::Folder;
use carrick_model::{
    AddressTable, AnyResource, Cidr, Diagnostic, FederatedCluster, Federation, SourceFile, build,
    parse_federation, parse_with,
};

use super::pods::{self, Gateway, PodSpec, Role};

/// What every cluster has before its operator adds anything.
const INSTALL: &str = include_str!("install.yaml");

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
    folder.join("federation.yaml")
}

/// Reads and checks a folder. Findings are in the plan; they are the caller's to judge.
///
/// # Errors
/// If there is no usable federation file, or a file cannot be read.
pub fn read(folder: &Path) -> Result<FederationPlan> {
    let path = federation_file(folder);
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!("{} cannot be read; a federation folder needs a federation.yaml", path.display())
    })?;
    let file = SourceFile::new("federation.yaml", text);
    let (federation, diagnostics) = parse_federation(&file);
    let Some(federation) = federation else {
        bail!("{}", carrick_model::render(&diagnostics, &[file]));
    };
    let mut plan = FederationPlan {
        name: federation.meta.name.clone(),
        folder: folder.to_owned(),
        clusters: Vec::new(),
        diagnostics,
        files: vec![file],
        federation: federation.clone(),
    };
    for spec in &federation.clusters {
        let cluster = read_cluster(&mut plan, spec)?;
        plan.clusters.push(cluster);
    }
    Ok(plan)
}

fn read_cluster(plan: &mut FederationPlan, spec: &FederatedCluster) -> Result<ClusterPlan> {
    let includes = spec.runtime.resources.iter().map(PathBuf::from).collect();
    let files = Folder { root: plan.folder.clone(), includes }.read()?;
    let (own, mut diagnostics) = parse_with(&files, &spec.runtime.substitute);
    let install = install_for(&own);
    let mut all = files.clone();
    all.push(SourceFile::new("(installed)", install.as_str()));
    let (resources, _) = parse_with(&all, &spec.runtime.substitute);
    let (pods, more) = pods::desired(&resources);
    diagnostics.extend(more);
    // Whether the resources fit together is asked here, before anything is started; the control plane asks again.
    let (_, _, more) = build(resources, spec.config.settings.clone(), AddressTable::default());
    diagnostics.extend(more.into_iter().filter(|finding| finding.is_error()));
    plan.diagnostics.extend(diagnostics);
    plan.files.extend(files);
    Ok(ClusterPlan { spec: spec.clone(), pods, install })
}

/// The installed documents without those that the operator's resources replace by name.
pub fn install_for(own: &[AnyResource]) -> String {
    let names: BTreeSet<_> = own.iter().map(|resource| resource.meta().resource_name()).collect();
    INSTALL
        .split("\n---\n")
        .filter(|document| {
            let (resources, _) = carrick_model::parse(&[SourceFile::new("(installed)", *document)]);
            resources.iter().all(|resource| !names.contains(&resource.meta().resource_name()))
        })
        .collect::<Vec<_>>()
        .join("\n---\n")
}

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

/// Pod addresses that stay as long as the supervisor runs, so that a pod that comes back has its old one.
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
        // Clusters share one range on purpose; counting through all of them keeps it easy to tell two pods apart.
        let offset = FIRST_POD + u32::try_from(self.given.len())?;
        let address = FederationPlan::address(network, offset)?;
        self.given.insert(key, address);
        Ok(address)
    }
}
