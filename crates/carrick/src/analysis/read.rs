//! From a folder to findings: the same parsing, building and translating as the running control
//! plane does, for every cluster. Of pods, that would run, it makes up the addresses.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use carrick_analyze::analyze;
use carrick_control::reading::{FederationText, Reader, Reading, operators_folder};
use carrick_model::{AddressTable, Cidr, Diagnostic, FederatedCluster, SourceFile};

use super::Analysis;
use crate::fleet::plan::{FederationPlan, INSTALLED, federation_file, install_for};
use crate::fleet::{pods, runtime_facts};

/// What stands for a file that nobody wrote.
const PODS: &str = "(pods)";
/// The first address given to a pod, counted from the start of the pod network.
const FIRST_POD: u32 = 11;

/// Reads and checks a folder.
///
/// # Errors
/// If a file cannot be read. What is wrong in the files is a finding.
pub fn read(folder: &Path) -> Result<Analysis> {
    let text = FederationText::read(&federation_file(folder))?;
    let mut findings = text.findings;
    let mut files = vec![text.file];
    if let Some(federation) = text.federation {
        let mut reader = Reader::default();
        let mut snapshots = Vec::new();
        for spec in &federation.clusters {
            let cluster = read_cluster(folder, federation.networks.pods, spec, &mut reader)?;
            findings.extend(cluster.reading.findings().cloned());
            files.extend(cluster.files);
            snapshots.push(Arc::unwrap_or_clone(cluster.reading.snapshot));
        }
        findings.extend(analyze(&federation, &snapshots));
    }
    Ok(Analysis { findings: in_order(findings, &files), files })
}

struct Cluster {
    reading: Reading,
    files: Vec<SourceFile>,
}

fn read_cluster(
    folder: &Path,
    network: Cidr,
    spec: &FederatedCluster,
    reader: &mut Reader,
) -> Result<Cluster> {
    let mut files = operators_folder(&federation_file(folder), spec).read()?;
    let (own, _) = reader.resources(&files, spec);
    files.push(SourceFile::new(INSTALLED, install_for(&own)));
    let (resources, _) = reader.resources(&files, spec);
    files.push(SourceFile::new(PODS, pods_as_text(&pods::expected(&resources), network)?));
    let settings = spec.config.settings.clone();
    let reading = reader.snapshot(&files, spec, settings, AddressTable::default());
    Ok(Cluster { reading, files })
}

fn pods_as_text(pods: &[pods::PodSpec], network: Cidr) -> Result<String> {
    let mut shown = Vec::new();
    for (offset, pod) in (FIRST_POD..).zip(pods) {
        shown.push(runtime_facts::pod(pod, FederationPlan::address(network, offset)?, ""));
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
