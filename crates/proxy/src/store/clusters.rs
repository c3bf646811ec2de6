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
    /// The names of clusters that ask for an assignment, so that one assignment does not look at
    /// all clusters.
    by_service: BTreeMap<String, BTreeSet<String>>,
    /// A first response came from ADS.
    pub received: bool,
}

#[derive(Clone)]
pub(super) struct Held {
    cluster: Arc<UpstreamCluster>,
    origin: Origin,
    body: Vec<u8>,
}

impl Held {
    /// What it asks for over EDS.
    fn service(&self) -> Option<&str> {
        match &self.cluster.config().discovery {
            Discovery::Eds { service, .. } => Some(service),
            _ => None,
        }
    }
}

impl Clusters {
    /// All of one name: the one in use, the one that warms.
    fn named(&self, name: &str) -> impl Iterator<Item = &Held> {
        let warming = self.warming.get(name).map(|warming| &warming.resource);
        self.active.get(name).into_iter().chain(warming)
    }

    /// Changes what there is under one name. Returns the assignments that no cluster asks for any
    /// more.
    fn change<T>(&mut self, name: &str, change: impl FnOnce(&mut Self) -> T) -> (T, Vec<String>) {
        let services = |clusters: &Self| -> BTreeSet<String> {
            clusters.named(name).filter_map(Held::service).map(str::to_owned).collect()
        };
        let before = services(self);
        let outcome = change(self);
        let now = services(self);
        for service in now.difference(&before) {
            self.by_service.entry(service.clone()).or_default().insert(name.to_owned());
        }
        let mut unused = Vec::new();
        for service in before.difference(&now) {
            let Some(users) = self.by_service.get_mut(service) else { continue };
            users.remove(name);
            if users.is_empty() {
                self.by_service.remove(service);
                unused.push(service.clone());
            }
        }
        (outcome, unused)
    }

    pub fn wanted_assignments(&self) -> BTreeSet<String> {
        self.by_service.keys().cloned().collect()
    }

    /// The names of the clusters that ask for an assignment.
    pub fn asking_for(&self, service: &str) -> Vec<String> {
        self.by_service.get(service).into_iter().flatten().cloned().collect()
    }

    pub fn assign(&self, service: &str, assignment: &Assignment) {
        let asking = self.by_service.get(service).into_iter().flatten().flat_map(|name| self.named(name));
        for held in asking.filter(|held| held.service() == Some(service)) {
            held.cluster.assign(assignment);
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
        let warming = Warming { resource: held, deadline };
        let ((), unused) = self.clusters.change(name, |clusters| {
            clusters.warming.insert(name.to_owned(), warming);
        });
        self.forget_assignments(unused);
        Ok(())
    }

    pub(super) fn remove_cluster(&mut self, name: &str) {
        if self.clusters.active.get(name).is_some_and(|held| held.origin == Origin::Static) {
            return;
        }
        let ((), unused) = self.clusters.change(name, |clusters| {
            clusters.warming.remove(name);
            clusters.active.remove(name);
        });
        self.registry.env.clusters.remove(name);
        self.registry.env.stats.remove_cluster(name);
        self.registry.resources.remove(ResourceType::Cluster, name);
        self.forget_assignments(unused);
    }

    /// Lets all clusters take over that can. Returns when to look again even if nothing comes.
    pub(super) fn settle_clusters(&mut self, now: Instant) -> Option<Instant> {
        let warming: Vec<String> = self.clusters.warming.keys().cloned().collect();
        self.settle_these_clusters(&warming, now);
        self.clusters.warming.values().filter_map(|warming| warming.deadline).min()
    }

    /// Lets those of these clusters take over that can.
    pub(super) fn settle_these_clusters(&mut self, names: &[String], now: Instant) {
        let can = |warming: &Warming<Held>| {
            warming.resource.cluster.is_ready() || warming.deadline.is_some_and(|deadline| now >= deadline)
        };
        for name in names {
            if !self.clusters.warming.get(name).is_some_and(can) {
                continue;
            }
            let (warmed, unused) = self.clusters.change(name, |clusters| {
                let warmed = clusters.warming.remove(name)?.resource;
                clusters.active.insert(name.clone(), warmed.clone());
                Some(warmed)
            });
            if let Some(warmed) = warmed {
                self.registry.env.clusters.insert(warmed.cluster);
                self.registry.resources.promote(ResourceType::Cluster, name);
            }
            self.forget_assignments(unused);
        }
    }

    /// Assignments that no cluster asks for are unsubscribed, so they would grow old.
    fn forget_assignments(&mut self, unused: Vec<String>) {
        for name in unused {
            self.assignments.remove(&name);
            self.registry.resources.remove(ResourceType::Endpoint, &name);
        }
    }
}

/// The latest time at which the cluster is used, complete or not. Names are resolved in bounded
/// time, and count as discovered then.
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
