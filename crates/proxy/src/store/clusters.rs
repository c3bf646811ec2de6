//! Clusters: in use, and warming until their hosts and secrets are there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use carrick_policy::config::cluster::{ClusterConfig, Discovery};
use carrick_policy::config::endpoint::Assignment;
use carrick_policy::config::source::Fetch;
use carrick_xds::pb::envoy::config::cluster::v3::Cluster;
use carrick_xds::{FieldError, ResourceType};
use tokio::time::Instant;

use super::{State, Warming, same_name};
use crate::cluster::{UpstreamCluster, follow_names, follow_outliers};
use crate::resources::{LoadedVersion, Origin};

#[derive(Default)]
pub(super) struct Clusters {
    active: BTreeMap<String, Held>,
    pub warming: BTreeMap<String, Warming<Held>>,
    /// A first response came from ADS.
    pub received: bool,
}

#[derive(Clone)]
pub(super) struct Held {
    cluster: Arc<UpstreamCluster>,
    origin: Origin,
    body: Vec<u8>,
}

impl Clusters {
    fn all(&self) -> impl Iterator<Item = &Held> {
        self.active.values().chain(self.warming.values().map(|warming| &warming.resource))
    }

    pub fn wanted_assignments(&self) -> BTreeSet<String> {
        let services = self.all().filter_map(|held| match &held.cluster.config().discovery {
            Discovery::Eds { service, .. } => Some(service.clone()),
            _ => None,
        });
        services.collect()
    }

    pub fn assign(&self, name: &str, assignment: &Assignment) {
        for held in self.all() {
            if matches!(&held.cluster.config().discovery, Discovery::Eds { service, .. } if service == name) {
                held.cluster.assign(assignment);
            }
        }
    }
}

impl State {
    pub(super) fn apply_cluster(
        &mut self,
        pb: Cluster,
        origin: Origin,
        name: &str,
        version: &LoadedVersion,
    ) -> Result<(), FieldError> {
        same_name(&pb.name, name, "name")?;
        let warming = self.clusters.warming.get(name).map(|warming| &warming.resource);
        let known = warming.or(self.clusters.active.get(name));
        if known.is_some_and(|known| known.origin == Origin::Static) {
            let reason = "is the name of a static cluster of the bootstrap, which is not replaced";
            return Err(FieldError::new("name", reason));
        }
        if known.is_some_and(|known| known.body == version.body.value) {
            return Ok(());
        }
        let config = ClusterConfig::from_proto(&pb, &self.default_sockets)?;
        let deadline = deadline(&config);
        let cluster =
            Arc::new(UpstreamCluster::new(config, &self.registry.env.secrets, &self.registry.env.stats)?);
        match &cluster.config().discovery {
            Discovery::Eds { service, .. } => {
                if let Some(assignment) = self.assignments.get(service) {
                    cluster.assign(assignment);
                }
            }
            Discovery::Dns { .. } => {
                let (weak, resolver) = (Arc::downgrade(&cluster), self.resolver.clone());
                self.threads.control.spawn(follow_names(weak, resolver, Arc::clone(&self.wake)));
            }
            Discovery::Static(_) | Discovery::OriginalDestination => {}
        }
        if cluster.config().outliers.is_some() {
            self.threads.control.spawn(follow_outliers(Arc::downgrade(&cluster)));
        }
        let held = Held { cluster, origin, body: version.body.value.clone() };
        self.registry.resources.warm(ResourceType::Cluster, name, origin, version.clone());
        self.clusters.warming.insert(name.to_owned(), Warming { resource: held, deadline });
        Ok(())
    }

    pub(super) fn remove_cluster(&mut self, name: &str) {
        if self.clusters.active.get(name).is_some_and(|held| held.origin == Origin::Static) {
            return;
        }
        self.clusters.warming.remove(name);
        self.clusters.active.remove(name);
        self.registry.env.clusters.remove(name);
        self.registry.env.stats.remove_cluster(name);
        self.registry.resources.remove(ResourceType::Cluster, name);
        self.forget_assignments();
    }

    pub(super) fn settle_clusters(&mut self, now: Instant) -> Option<Instant> {
        let can = |warming: &Warming<Held>| {
            warming.resource.cluster.is_ready() || warming.deadline.is_some_and(|deadline| now >= deadline)
        };
        let ready: Vec<String> = self
            .clusters
            .warming
            .iter()
            .filter(|(_, held)| can(held))
            .map(|(name, _)| name.clone())
            .collect();
        for name in &ready {
            if let Some(warmed) = self.clusters.warming.remove(name) {
                self.registry.env.clusters.insert(Arc::clone(&warmed.resource.cluster));
                self.registry.resources.promote(ResourceType::Cluster, name);
                self.clusters.active.insert(name.clone(), warmed.resource);
            }
        }
        if !ready.is_empty() {
            self.forget_assignments();
        }
        self.clusters.warming.values().filter_map(|warming| warming.deadline).min()
    }

    /// Assignments that no cluster asks for are unsubscribed, so they would grow old.
    fn forget_assignments(&mut self) {
        let wanted = self.clusters.wanted_assignments();
        let forgotten: Vec<String> =
            self.assignments.keys().filter(|name| !wanted.contains(*name)).cloned().collect();
        for name in forgotten {
            self.assignments.remove(&name);
            self.registry.resources.remove(ResourceType::Endpoint, &name);
        }
    }
}

/// The latest time at which the cluster is used, complete or not. Names are resolved in bounded time, and count as discovered then.
fn deadline(config: &ClusterConfig) -> Option<Instant> {
    let hosts = match &config.discovery {
        Discovery::Eds { fetch, .. } => vec![fetch],
        _ => Vec::new(),
    };
    let secrets = config.transports.iter().filter_map(|transport| transport.tls.as_ref());
    let secrets = secrets.flat_map(|tls| tls.settings.fetches());
    let fetches: Vec<&Fetch> = hosts.into_iter().chain(secrets).collect();
    let longest = fetches.iter().map(|fetch| fetch.timeout).collect::<Option<Vec<_>>>();
    longest
        .map(|timeouts| Instant::now() + timeouts.into_iter().max().unwrap_or_default())
        .filter(|_| !fetches.is_empty())
}
