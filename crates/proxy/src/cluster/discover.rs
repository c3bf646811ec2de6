//! How a cluster's hosts become known: from assignments (static or EDS), and by resolving names
//! again and again.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use carrick_policy::address::Address;
use carrick_policy::balance::endpoint::{Endpoint, EndpointCounters, EndpointSet, LocalityEndpoints};
use carrick_policy::config::address::Host;
use carrick_policy::config::cluster::{Discovery, DnsOptions};
use carrick_policy::config::endpoint::{AssignedHost, Assignment};
use tokio::sync::Notify;
use tracing::warn;

use super::UpstreamCluster;
use crate::resolver::Resolver;

/// Addresses of the names that were resolved so far.
type Names = HashMap<String, Vec<IpAddr>>;

impl UpstreamCluster {
    /// Takes these hosts instead of those before. Counters go on for addresses that stay.
    pub(crate) fn assign(&self, assignment: &Assignment) {
        self.assign_resolved(assignment, &Names::new());
    }

    fn assign_resolved(&self, assignment: &Assignment, names: &Names) {
        let _one_writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let logical = matches!(&self.config.discovery, Discovery::Dns { options, .. } if options.logical);
        let before = self.endpoints.load();
        let counters: HashMap<&Address, &Arc<EndpointCounters>> =
            before.endpoints().map(|endpoint| (&endpoint.address, &endpoint.counters)).collect();
        let localities = assignment.localities.iter().map(|locality| {
            let make = |host: &AssignedHost, address: Address| {
                Arc::new(Endpoint {
                    hostname: hostname(host),
                    weight: host.weight,
                    healthy: host.healthy,
                    priority: locality.priority,
                    locality: locality.locality.clone(),
                    transport: self.config.transport_for(&host.transport_labels),
                    counters: counters.get(&address).map(|known| Arc::clone(known)).unwrap_or_default(),
                    address,
                })
            };
            let endpoints = locality.hosts.iter().flat_map(|host| {
                addresses(host, names, logical).into_iter().map(|address| make(host, address))
            });
            LocalityEndpoints { endpoints: endpoints.collect(), weight: locality.weight }
        });
        let set = EndpointSet::new(&localities.collect::<Vec<_>>(), self.config.by_locality);
        let set = set.arranged(self.config.policy);
        self.endpoints.store(Arc::new(set));
        self.set_discovered();
    }
}

fn hostname(host: &AssignedHost) -> String {
    match &host.host {
        Host::Name { name, .. } if host.hostname.is_empty() => name.clone(),
        _ => host.hostname.clone(),
    }
}

fn addresses(host: &AssignedHost, names: &Names, logical: bool) -> Vec<Address> {
    match &host.host {
        Host::Address(address) => vec![address.clone()],
        Host::Name { name, port } => {
            let ips = names.get(name).map(Vec::as_slice).unwrap_or_default();
            let limit = if logical { 1 } else { ips.len() };
            ips.iter().take(limit).map(|ip| Address::Socket((*ip, *port).into())).collect()
        }
    }
}

/// Resolves the cluster's names for as long as the cluster exists. A name that cannot be resolved
/// keeps the addresses it had; the cluster counts as discovered after the first try, whatever came
/// of it, as in Envoy.
pub(crate) async fn follow_names(cluster: Weak<UpstreamCluster>, resolver: Resolver, wake: Arc<Notify>) {
    let Some(strong) = cluster.upgrade() else { return };
    let Discovery::Dns { assignment, options } = strong.config.discovery.clone() else { return };
    let wanted = strong.config.host_names();
    let cluster_name = strong.name().to_owned();
    drop(strong);
    let mut names = Names::new();
    loop {
        let mut pause: Option<Duration> = None;
        for name in &wanted {
            let next = match resolver.resolve(name, options.family, &options.servers).await {
                Ok(answer) => {
                    names.insert(name.clone(), answer.addresses);
                    pause_after(&options, answer.ttl)
                }
                Err(error) => {
                    warn!(cluster = cluster_name, "cannot resolve: {error}; addresses known before are kept");
                    options.failure_refresh
                }
            };
            pause = Some(pause.map_or(next, |pause| pause.min(next)));
        }
        match cluster.upgrade() {
            Some(cluster) => {
                let first = !cluster.is_discovered();
                cluster.assign_resolved(&assignment, &names);
                // Whoever waits for the first hosts can go on. Nobody waits for later ones.
                if first {
                    wake.notify_one();
                }
            }
            None => return,
        }
        // Without names there is nothing to follow.
        let Some(pause) = pause else { return };
        tokio::time::sleep(pause).await;
    }
}

/// At least a millisecond, for records with a time to live of 0.
fn pause_after(options: &DnsOptions, ttl: Option<Duration>) -> Duration {
    let ttl = ttl.filter(|ttl| options.respect_ttl && !ttl.is_zero());
    ttl.unwrap_or(options.refresh).max(Duration::from_millis(1))
}
