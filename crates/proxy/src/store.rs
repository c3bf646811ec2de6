//! The configuration in use, and the only place that changes it: resources come in, are judged,
//! wait for what they name, and take over from their predecessors without a gap.
//!
//! It must not know how resources travel. Make before break: a resource that is bad, or not
//! complete yet, leaves its predecessor as it is (Envoy docs, "Cluster warming", "Listener
//! discovery service").

mod clusters;
mod listeners;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use carrick_policy::config::endpoint::Assignment;
use carrick_policy::config::resource;
use carrick_policy::config::socket::SocketSettings;
use carrick_policy::config::source::Source;
use carrick_policy::http::RouteTable;
use carrick_policy::secret::Secret;
use carrick_xds::pb::envoy::config::cluster::v3::Cluster;
use carrick_xds::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use carrick_xds::pb::envoy::config::listener::v3::Listener as ListenerPb;
use carrick_xds::pb::envoy::config::route::v3::RouteConfiguration;
use carrick_xds::pb::envoy::extensions::transport_sockets::tls::v3::Secret as SecretPb;
use carrick_xds::{FieldError, ResourceType};
use prost_types::Any;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::registry::Registry;
use crate::resolver::Resolver;
use crate::resources::{LoadedVersion, Origin};
use crate::threads::Threads;
use clusters::Clusters;
use listeners::Listeners;

/// Shared between those who bring resources; each change is made under one lock, which no
/// connection ever takes.
#[derive(Clone)]
pub(crate) struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    /// Something that a resource waits for has come.
    wake: Arc<Notify>,
    /// Rises when what is subscribed may have changed.
    interest: watch::Sender<u64>,
}

struct State {
    registry: Arc<Registry>,
    resolver: Resolver,
    default_sockets: SocketSettings,
    /// How long connections of a replaced listener may go on.
    drain_time: Duration,
    threads: Threads,
    clusters: Clusters,
    listeners: Listeners,
    /// By the name that clusters ask for.
    assignments: BTreeMap<String, Assignment>,
    wake: Arc<Notify>,
    /// Clusters come from ADS and did not arrive yet. Listeners wait for them until this time, so
    /// that the first connections find their clusters.
    awaits_clusters: Option<Instant>,
    awaits_listeners: bool,
}

/// Longer than any proxy runs.
const A_LIFETIME: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

impl Store {
    pub fn new(
        registry: Arc<Registry>,
        resolver: Resolver,
        default_sockets: SocketSettings,
        drain_time: Duration,
        threads: Threads,
    ) -> Self {
        let wake = Arc::new(Notify::new());
        let state = State {
            registry,
            resolver,
            default_sockets,
            drain_time,
            threads,
            clusters: Clusters::default(),
            listeners: Listeners::default(),
            assignments: BTreeMap::new(),
            wake: Arc::clone(&wake),
            awaits_clusters: None,
            awaits_listeners: false,
        };
        let interest = watch::channel(0).0;
        Self { inner: Arc::new(Inner { state: Mutex::new(state), wake, interest }) }
    }

    /// To be called before static resources are loaded, if more will come from ADS. The first
    /// listeners wait for the first clusters, but not longer than `patience`; `None`: for ever.
    pub fn expect(&self, clusters: bool, listeners: bool, patience: Option<Duration>) {
        let mut state = self.lock();
        state.awaits_clusters = clusters.then(|| Instant::now() + patience.unwrap_or(A_LIFETIME));
        state.awaits_listeners = listeners;
    }

    /// Takes a new or changed resource. An error means that its predecessor, if there was one, goes
    /// on.
    pub fn apply(
        &self,
        kind: ResourceType,
        origin: Origin,
        name: &str,
        version: &str,
        body: &Any,
    ) -> Result<(), FieldError> {
        let mut state = self.lock();
        let version =
            LoadedVersion { version: version.to_owned(), at: SystemTime::now(), body: body.clone() };
        let outcome = state.apply(kind, origin, name, &version);
        if let Err(error) = &outcome {
            state.registry.resources.refuse(kind, name, origin, shown(kind, version), error.to_string());
        }
        state.settle_after(kind, name);
        drop(state);
        self.inner.interest.send_modify(|n| *n += 1);
        outcome
    }

    /// A resource is gone from its server. Only listeners and clusters are removed by that; for the
    /// others, what names them decides, as in Envoy.
    pub fn remove(&self, kind: ResourceType, name: &str) {
        let mut state = self.lock();
        match kind {
            ResourceType::Cluster => state.remove_cluster(name),
            ResourceType::Listener => state.remove_listener(name),
            ResourceType::Endpoint | ResourceType::Route | ResourceType::Secret => {}
        }
        state.settle_first(Instant::now());
        drop(state);
        self.inner.interest.send_modify(|n| *n += 1);
    }

    /// A whole response of this kind was taken in.
    pub fn received(&self, kind: ResourceType) {
        let mut state = self.lock();
        match kind {
            ResourceType::Cluster => state.clusters.received = true,
            ResourceType::Listener => state.awaits_listeners = false,
            _ => {}
        }
        drop(state);
        // Once for the whole response, by whoever keeps settling: deadlines may have come with it,
        // too.
        self.inner.wake.notify_one();
        self.inner.interest.send_modify(|n| *n += 1);
    }

    /// The names of this kind that the configuration asks ADS for.
    pub fn wanted(&self, kind: ResourceType) -> BTreeSet<String> {
        let state = self.lock();
        match kind {
            ResourceType::Endpoint => state.clusters.wanted_assignments(),
            ResourceType::Route => state.listeners.wanted_routes(),
            ResourceType::Secret => state.registry.env.secrets.wanted(&Source::Ads),
            ResourceType::Cluster | ResourceType::Listener => BTreeSet::new(),
        }
    }

    /// Changes when [`wanted`](Self::wanted) may have.
    pub fn interest(&self) -> watch::Receiver<u64> {
        self.inner.interest.subscribe()
    }

    /// Whether nothing waits any more that was there at the start.
    pub fn is_settled(&self) -> bool {
        let state = self.lock();
        !state.awaits_listeners && state.awaits_clusters.is_none() && state.listeners.warming.is_empty()
    }

    /// Lets warming resources take over when what they wait for comes, or does not come in time.
    /// Runs until the process ends.
    pub async fn keep_settling(self) {
        let mut secrets = self.lock().registry.env.secrets.changes();
        loop {
            let deadline = self.lock().settle();
            let late = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.inner.wake.notified() => {}
                _ = secrets.changed() => {}
                () = late => {}
            }
            self.lock().settle();
            self.inner.interest.send_modify(|n| *n += 1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn apply(
        &mut self,
        kind: ResourceType,
        origin: Origin,
        name: &str,
        version: &LoadedVersion,
    ) -> Result<(), FieldError> {
        let body = &version.body;
        match kind {
            ResourceType::Cluster => self.apply_cluster(resource::<Cluster>(body)?, origin, name, version),
            ResourceType::Listener => {
                self.apply_listener(resource::<ListenerPb>(body)?, origin, name, version)
            }
            ResourceType::Endpoint => {
                let pb: ClusterLoadAssignment = resource(body)?;
                same_name(&pb.cluster_name, name, "cluster_name")?;
                let assignment = Assignment::from_proto(&pb, false)?;
                self.clusters.assign(name, &assignment);
                self.assignments.insert(name.to_owned(), assignment);
                self.registry.resources.activate(kind, name, origin, version.clone());
                Ok(())
            }
            ResourceType::Route => {
                let pb: RouteConfiguration = resource(body)?;
                same_name(&pb.name, name, "name")?;
                self.registry.routes.replace(name, RouteTable::from_proto(&pb)?);
                self.registry.resources.activate(kind, name, origin, version.clone());
                Ok(())
            }
            ResourceType::Secret => {
                let pb: SecretPb = resource(body)?;
                same_name(&pb.name, name, "name")?;
                let secret = Secret::from_proto(&pb)?;
                match origin {
                    Origin::Static => self.registry.env.secrets.add_fixed(name, secret),
                    Origin::Dynamic => self.registry.env.secrets.set(&Source::Ads, name, secret),
                }
                self.registry.resources.activate(kind, name, origin, shown(kind, version.clone()));
                Ok(())
            }
        }
    }

    /// Lets take over what can because of one resource that came, without looking at all others.
    fn settle_after(&mut self, kind: ResourceType, name: &str) {
        let now = Instant::now();
        let own = || vec![name.to_owned()];
        match kind {
            ResourceType::Cluster => self.settle_these_clusters(&own(), now),
            ResourceType::Endpoint => self.settle_these_clusters(&self.clusters.asking_for(name), now),
            ResourceType::Secret => {
                let _looked_at_again_by_who_keeps_settling = self.settle_clusters(now);
            }
            ResourceType::Listener | ResourceType::Route => {}
        }
        self.settle_first(now);
        if self.awaits_clusters.is_some() {
            return;
        }
        match kind {
            ResourceType::Listener => self.settle_these_listeners(&own(), now),
            ResourceType::Route => {
                let waiting = self.waiting_for(name);
                self.settle_these_listeners(&waiting, now);
            }
            ResourceType::Secret => {
                let _looked_at_again_by_who_keeps_settling = self.settle_listeners(now);
            }
            ResourceType::Cluster | ResourceType::Endpoint => {}
        }
    }

    /// Lets the first listeners go on if the first clusters are complete, or are not waited for any
    /// longer.
    fn settle_first(&mut self, now: Instant) {
        let Some(deadline) = self.awaits_clusters else { return };
        if (self.clusters.received && self.clusters.warming.is_empty()) || now >= deadline {
            self.awaits_clusters = None;
            self.settle_listeners(now);
        }
    }

    /// Lets everything take over that can. Returns when to look again even if nothing comes.
    fn settle(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let clusters = self.settle_clusters(now);
        self.settle_first(now);
        let listeners = match self.awaits_clusters {
            Some(_) => None,
            None => self.settle_listeners(now),
        };
        [clusters, listeners, self.awaits_clusters].into_iter().flatten().min()
    }
}

/// Something that waits for what it names.
struct Warming<T> {
    resource: T,
    /// When it takes over whatever is missing; `None`: never.
    deadline: Option<Instant>,
}

/// What may be written down of a version: of a secret not its body, good or bad, because it has a
/// key in it.
fn shown(kind: ResourceType, version: LoadedVersion) -> LoadedVersion {
    match kind {
        ResourceType::Secret => {
            let body = Any { type_url: version.body.type_url, value: Vec::new() };
            LoadedVersion { body, ..version }
        }
        _ => version,
    }
}

fn same_name(inner: &str, outer: &str, field: &str) -> Result<(), FieldError> {
    if inner == outer {
        return Ok(());
    }
    Err(FieldError::new(field, format!("is {inner:?}, but the resource is called {outer:?}")))
}

#[cfg(test)]
mod tests;
