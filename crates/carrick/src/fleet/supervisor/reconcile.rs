//! Follows the folder: a Deployment that appears gets pods, one that goes loses them.
//!
//! It must not know other resources; control planes read those themselves.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use carrick_control::reading::{Reader, operators_folder};
use carrick_control::source::watch::Watch;
use carrick_model::resources::Networks;
use carrick_model::{Diagnostic, Federation};

use crate::fleet::plan::{self, FederationPlan};
use crate::fleet::runtime::{Runtime, Shared};

/// How long a pod that goes may take to finish what it does.
const GRACE: Duration = Duration::from_secs(5);

/// Follows for ever.
pub async fn follow(mut current: FederationPlan, runtime: Shared) -> Result<()> {
    let mut reader = Reader::default();
    let mut followed = Followed::start(&current)?;
    loop {
        followed.watch.changed().await;
        let newest = match followed.read(&current.folder, &mut reader) {
            Ok(newest) => newest,
            Err(error) => {
                tracing::warn!("the folder is left as it was: {error:#}");
                continue;
            }
        };
        // With an error anywhere the set of pods is not known; what runs goes on.
        if newest.diagnostics.iter().any(Diagnostic::is_error) {
            continue;
        }
        if of_the_machine(&newest.federation) != of_the_machine(&current.federation) {
            tracing::warn!(
                "clusters that come or go, networks and gateways' addresses take effect when the federation \
                 is started again"
            );
        }
        let mut runtime = runtime.lock().await;
        if let Err(error) = apply(&mut runtime, &current, &newest).await {
            tracing::error!("pods could not be brought to what the folder asks for: {error:#}");
        }
        drop(runtime);
        for (old, new) in current.clusters.iter_mut().zip(newest.clusters) {
            if old.spec.name == new.spec.name {
                *old = new;
            }
        }
    }
}

/// What a running federation cannot change.
fn of_the_machine(federation: &Federation) -> (&Networks, Vec<(&str, Ipv4Addr, Ipv4Addr)>) {
    let clusters = federation.clusters.iter();
    let gateways = clusters.map(|one| (one.name.as_str(), one.runtime.ingress, one.runtime.egress));
    (&federation.networks, gateways.collect())
}

/// The federation file and the files that it names, watched.
struct Followed {
    paths: Vec<PathBuf>,
    watch: Watch,
}

impl Followed {
    fn start(plan: &FederationPlan) -> Result<Self> {
        let paths = Self::paths(plan);
        Ok(Self { watch: Watch::start(&paths)?, paths })
    }

    fn paths(plan: &FederationPlan) -> Vec<PathBuf> {
        let file = plan::federation_file(&plan.folder);
        let folders =
            plan.clusters.iter().flat_map(|cluster| operators_folder(&file, &cluster.spec).watched());
        std::iter::once(file.clone()).chain(folders).collect()
    }

    /// Reads the folder; if it names other files than before, these are followed from now on.
    fn read(&mut self, folder: &Path, reader: &mut Reader) -> Result<FederationPlan> {
        let plan = plan::read_again(folder, reader)?;
        if Self::paths(&plan) == self.paths {
            return Ok(plan);
        }
        *self = Self::start(&plan)?;
        // They may have changed before they were watched.
        plan::read_again(folder, reader)
    }
}

async fn apply(runtime: &mut Runtime, current: &FederationPlan, newest: &FederationPlan) -> Result<()> {
    runtime.follow_trust_domains(current, newest)?;
    for cluster in &current.clusters {
        let Some(wanted) = newest.cluster(&cluster.spec.name) else { continue };
        if wanted.pods == cluster.pods && wanted.install == cluster.install {
            continue;
        }
        let name = cluster.spec.name.as_str();
        let stale: BTreeSet<_> = runtime
            .pods
            .iter()
            .filter(|(key, running)| key.0 == name && !wanted.pods.contains(&running.spec))
            .map(|(key, _)| key.clone())
            .collect();
        for key in stale {
            if let Some(gone) = runtime.pods.remove(&key) {
                for process in &gone.processes {
                    process.stop(GRACE).await;
                }
                // Nobody calls by it any more; should it stay, the run directory's end is its end.
                let _ = std::fs::remove_dir_all(runtime.run.pod_socket(name, &gone.socket));
            }
        }
        let missing: Vec<_> = wanted
            .pods
            .iter()
            .filter(|pod| {
                !runtime.pods.values().any(|running| running.cluster == name && running.spec == **pod)
            })
            .cloned()
            .collect();
        runtime.make_pods(current, name, &missing)?;
        runtime.write_facts(name, &wanted.install)?;
        runtime.start_pods()?;
    }
    Ok(())
}
