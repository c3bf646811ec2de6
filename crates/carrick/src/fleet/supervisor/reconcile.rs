//! Follows the folder: a Deployment that appears gets pods, one that goes loses them.
//!
//! It must not know other resources; control planes read those themselves.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use carrick_control::source::watch::Watch;
use carrick_model::Diagnostic;

use super::{Shared, World};
use crate::fleet::plan::{self, FederationPlan};

/// How long a pod that goes may take to finish what it does.
const GRACE: Duration = Duration::from_secs(5);

/// Follows for ever.
pub async fn follow(mut current: FederationPlan, world: Shared) -> Result<()> {
    let mut paths = vec![plan::federation_file(&current.folder)];
    for cluster in &current.clusters {
        paths.extend(cluster.spec.runtime.resources.iter().map(|path| current.folder.join(path)));
    }
    let mut watch = Watch::start(&paths)?;
    loop {
        watch.changed().await;
        let newest = match plan::read(&current.folder) {
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
        let (old, new) = (&current.federation, &newest.federation);
        if (&new.networks, &new.clusters) != (&old.networks, &old.clusters) {
            tracing::warn!(
                "changes to the federation file itself take effect when the federation is started again"
            );
        }
        let mut world = world.lock().await;
        if let Err(error) = apply(&mut world, &current, &newest).await {
            tracing::error!("pods could not be brought to what the folder asks for: {error:#}");
        }
        drop(world);
        for (old, new) in current.clusters.iter_mut().zip(newest.clusters) {
            if old.spec.name == new.spec.name {
                *old = new;
            }
        }
    }
}

async fn apply(world: &mut World, current: &FederationPlan, newest: &FederationPlan) -> Result<()> {
    for cluster in &current.clusters {
        let Some(wanted) = newest.cluster(&cluster.spec.name) else { continue };
        if wanted.pods == cluster.pods && wanted.install == cluster.install {
            continue;
        }
        let name = cluster.spec.name.as_str();
        let stale: BTreeSet<_> = world
            .pods
            .iter()
            .filter(|(key, running)| key.0 == name && !wanted.pods.contains(&running.spec))
            .map(|(key, _)| key.clone())
            .collect();
        for key in stale {
            if let Some(gone) = world.pods.remove(&key) {
                for process in &gone.processes {
                    process.stop(GRACE).await;
                }
            }
        }
        let missing: Vec<_> = wanted
            .pods
            .iter()
            .filter(|pod| {
                !world.pods.values().any(|running| running.cluster == name && running.spec == **pod)
            })
            .cloned()
            .collect();
        world.make_pods(current, name, &missing)?;
        world.write_facts(name, &wanted.install)?;
        world.start_pods()?;
    }
    Ok(())
}
