//! From a folder to findings: the same parsing, building and translating as the running control plane does, for every cluster.
//! Of pods, that would run, it makes up the addresses.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use carrick_control::source::folder::Folder;
use carrick_model::analyze::analyze;
use carrick_model::{
    AddressTable, Cidr, Diagnostic, FederatedCluster, Federation, MeshSnapshot, SourceFile, build,
    parse_federation, parse_with,
};
use carrick_translate::unsupported;

use super::Analysis;
use crate::fleet::plan::{FederationPlan, federation_file, install_for};
use crate::fleet::{pods, runtime_facts};

/// What stands for files that nobody wrote.
const INSTALLED: &str = "(installed)";
const PODS: &str = "(pods)";
/// The first address given to a pod, counted from the start of the pod network.
const FIRST_POD: u32 = 11;

/// Reads and checks a folder.
///
/// # Errors
/// If a file cannot be read. What is wrong in the files is a finding.
pub fn read(folder: &Path) -> Result<Analysis> {
    let path = federation_file(folder);
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!("{} cannot be read; a federation folder needs a federation.yaml", path.display())
    })?;
    let file = SourceFile::new("federation.yaml", text);
    let (federation, mut findings) = parse_federation(&file);
    let mut files = vec![file];
    if let Some(federation) = federation {
        let mut snapshots = Vec::new();
        for spec in &federation.clusters {
            let cluster = read_cluster(folder, &federation, spec)?;
            findings.extend(cluster.findings);
            files.extend(cluster.files);
            snapshots.push(cluster.snapshot);
        }
        findings.extend(analyze(&federation, &snapshots));
    }
    Ok(Analysis { findings: in_order(findings, &files), files })
}

struct Cluster {
    snapshot: MeshSnapshot,
    findings: Vec<Diagnostic>,
    files: Vec<SourceFile>,
}

fn read_cluster(folder: &Path, federation: &Federation, spec: &FederatedCluster) -> Result<Cluster> {
    let includes = spec.runtime.resources.iter().map(PathBuf::from).collect();
    let mut files = Folder { root: folder.to_owned(), includes }.read()?;
    let (own, _) = parse_with(&files, &spec.runtime.substitute);
    files.push(SourceFile::new(INSTALLED, install_for(&own)));
    let (resources, _) = parse_with(&files, &spec.runtime.substitute);
    files.push(SourceFile::new(PODS, pods_as_text(&pods::expected(&resources), federation.networks.pods)?));
    let (resources, mut findings) = parse_with(&files, &spec.runtime.substitute);
    let (snapshot, _, more) = build(resources, spec.config.settings.clone(), AddressTable::default());
    findings.extend(more);
    findings.extend(unsupported(&snapshot));
    Ok(Cluster { snapshot, findings, files })
}

fn pods_as_text(pods: &[pods::PodSpec], network: Cidr) -> Result<String> {
    let mut shown = Vec::new();
    for (offset, pod) in (FIRST_POD..).zip(pods) {
        shown.push(runtime_facts::pod(pod, FederationPlan::address(network, offset)?, 0));
    }
    Ok(runtime_facts::text(&shown))
}

/// As a reader goes through the files. A file that several clusters read brings each finding once.
fn in_order(mut findings: Vec<Diagnostic>, files: &[SourceFile]) -> Vec<Diagnostic> {
    let place = |finding: &Diagnostic| files.iter().position(|file| file.path == *finding.location.file);
    findings.sort_by_cached_key(|one| (place(one), one.location.clone(), one.code, one.reason.clone()));
    findings.dedup();
    findings
}
