//! Runs a federation inside its namespaces: networks, pods, processes; follows the operator's
//! files; answers the operator.
//!
//! It must not know what configuration means to proxies; control planes do.

mod reconcile;
mod services;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use carrick_local::Network;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::envoy::Envoy;
use super::layout::{RunDir, StateDir};
use super::runtime::{Runtime, Shared};
use super::{plan, server};

/// Where a federation's files are.
#[derive(Debug, Clone)]
pub struct SupervisorOptions {
    pub folder: PathBuf,
    pub run: PathBuf,
    pub state: PathBuf,
    /// Lifetime of workload certificates in seconds, if not the usual.
    pub workload_ttl: Option<u64>,
    /// The hops that Envoy runs, if any.
    pub envoy: Option<Envoy>,
}

/// Runs until `stop` is cancelled; everything made goes with the namespaces.
pub async fn run(options: SupervisorOptions, stop: CancellationToken) -> Result<()> {
    let plan = plan::read(&options.folder)?;
    let mut runtime =
        Runtime::create(&plan, RunDir::new(options.run), StateDir::new(options.state), options.envoy)?;
    runtime.prepare_trust(&plan)?;
    for cluster in &plan.clusters {
        runtime.make_pods(&plan, &cluster.spec.name, &cluster.pods)?;
        runtime.write_facts(&cluster.spec.name, &cluster.install)?;
    }
    runtime.start_system(&plan, options.workload_ttl)?;
    runtime.start_pods()?;

    let clusters: Vec<(String, Network)> =
        runtime.networks.clusters.iter().map(|(name, network)| (name.clone(), network.clone())).collect();
    let run = runtime.run.clone();
    let shared: Shared = Arc::new(Mutex::new(runtime));
    let services = clusters.into_iter().map(|(name, network)| {
        let admin = run.admin(&name);
        tokio::spawn(services::follow(admin, network))
    });
    let services: Vec<_> = services.collect();
    let watching = reconcile::follow(plan, shared.clone());
    let answering = server::serve(run.supervisor(), shared.clone(), stop.clone());
    let ended = tokio::select! {
        result = watching => result.context("following the folder failed"),
        result = answering => result.context("the supervisor's socket failed"),
        () = stop.cancelled() => Ok(()),
    };
    services.iter().for_each(tokio::task::JoinHandle::abort);
    ended
}
