//! Listeners: in use, and warming until their routes and secrets are there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use carrick_policy::listener::config::ListenerConfig;
use carrick_xds::pb::envoy::config::listener::v3::Listener as ListenerPb;
use carrick_xds::{FieldError, ResourceType};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::{State, Warming};
use crate::listener::{Listener, install, uninstall};
use crate::registry::Registry;
use crate::resources::{LoadedVersion, Origin};

#[derive(Default)]
pub(super) struct Listeners {
    active: BTreeMap<String, Held>,
    pub warming: BTreeMap<String, Warming<Held>>,
    /// The names of listeners that have waited for a route table. One that is gone or complete does
    /// no harm here.
    waiting: BTreeMap<String, BTreeSet<String>>,
}

pub(super) struct Held {
    listener: Arc<Listener>,
    origin: Origin,
    body: Vec<u8>,
}

/// Routes have no timeout of their own in a bootstrap of ours; Envoy's default for a fetch.
const ROUTES_TIMEOUT: Duration = Duration::from_secs(15);

impl Listeners {
    pub fn wanted_routes(&self) -> BTreeSet<String> {
        let warming = self.warming.values().map(|warming| &warming.resource);
        self.active.values().chain(warming).flat_map(|held| held.listener.route_names()).collect()
    }
}

impl State {
    pub(super) fn apply_listener(
        &mut self,
        pb: ListenerPb,
        origin: Origin,
        name: &str,
        version: &LoadedVersion,
    ) -> Result<(), FieldError> {
        if pb.name != name {
            return Err(FieldError::new(
                "name",
                format!("is {:?}, but the resource is called {name:?}", pb.name),
            ));
        }
        let warming = self.listeners.warming.get(name).map(|warming| &warming.resource);
        let active = self.listeners.active.get(name);
        if origin == Origin::Dynamic && active.is_some_and(|known| known.origin == Origin::Static) {
            let reason = "is the name of a static listener of the bootstrap, which is not replaced";
            return Err(FieldError::new("name", reason));
        }
        if warming.or(active).is_some_and(|known| known.body == version.body.value) {
            return Ok(());
        }
        let config = ListenerConfig::from_proto(&pb)?;
        let key = config.name.clone();
        let deadline = deadline(&config);
        let previous = active.map(|held| held.listener.as_ref());
        let (env, routes) = (&self.registry.env, &self.registry.routes);
        let listener = Listener::new(config, previous, &env.secrets, routes, &env.stats, &env.drain)?;
        let held = Held { listener: Arc::new(listener), origin, body: version.body.value.clone() };
        self.registry.resources.warm(ResourceType::Listener, &key, origin, version.clone());
        for route in held.listener.route_names() {
            self.listeners.waiting.entry(route).or_default().insert(key.clone());
        }
        self.listeners.warming.insert(key, Warming { resource: held, deadline });
        Ok(())
    }

    pub(super) fn remove_listener(&mut self, name: &str) {
        if self.listeners.active.get(name).is_some_and(|held| held.origin == Origin::Static) {
            return;
        }
        self.listeners.warming.remove(name);
        self.listeners.active.remove(name);
        if let Some(old) = uninstall(&self.registry.listeners, name) {
            self.close_after_drain(old.drain(None));
        }
        self.registry.resources.remove(ResourceType::Listener, name);
    }

    /// Lets all listeners take over that can. Returns when to look again even if nothing comes.
    pub(super) fn settle_listeners(&mut self, now: Instant) -> Option<Instant> {
        let warming: Vec<String> = self.listeners.warming.keys().cloned().collect();
        self.settle_these_listeners(&warming, now);
        self.listeners.warming.values().filter_map(|warming| warming.deadline).min()
    }

    /// Lets those of these listeners take over that can.
    pub(super) fn settle_these_listeners(&mut self, names: &[String], now: Instant) {
        let registry = Arc::clone(&self.registry);
        let complete = |listener: &Listener| {
            listener.has_secrets()
                && listener.route_names().iter().all(|name| registry.routes.get(name).is_some())
        };
        let can = |warming: &Warming<Held>| {
            complete(&warming.resource.listener) || warming.deadline.is_some_and(|deadline| now >= deadline)
        };
        for name in names {
            if self.listeners.warming.get(name).is_some_and(can)
                && let Some(warmed) = self.listeners.warming.remove(name)
            {
                self.take_over(name.clone(), warmed.resource);
            }
        }
    }

    /// The listeners that may have waited for this route table.
    pub(super) fn waiting_for(&mut self, route: &str) -> Vec<String> {
        self.listeners.waiting.remove(route).into_iter().flatten().collect()
    }

    fn take_over(&mut self, name: String, held: Held) {
        let kind = ResourceType::Listener;
        let Registry { env, listeners, .. } = &*self.registry;
        match install(&self.threads.workers, env, listeners, Arc::clone(&held.listener)) {
            Ok(old) => {
                self.registry.resources.promote(kind, &name);
                if let Some(old) = old {
                    self.close_after_drain(old.drain(Some(&held.listener)));
                }
                self.listeners.active.insert(name, held);
            }
            Err(reason) => {
                let address = held.listener.config.address;
                let reason = format!("address: cannot listen on {address}: {reason}");
                error!(listener = name, "{reason}; what was there before goes on");
                self.registry.resources.refuse_warming(kind, &name, reason);
            }
        }
    }

    fn close_after_drain(&self, chains: Vec<CancellationToken>) {
        if chains.is_empty() {
            return;
        }
        let drain_time = self.drain_time;
        self.threads.control.spawn(async move {
            tokio::time::sleep(drain_time).await;
            chains.iter().for_each(CancellationToken::cancel);
        });
    }
}

/// The latest time at which the listener takes over, complete or not.
fn deadline(config: &ListenerConfig) -> Option<Instant> {
    let secrets = config.all_chains().filter_map(|chain| chain.tls.as_ref());
    let fetches = secrets.flat_map(|tls| tls.settings.fetches());
    let timeouts: Option<Vec<Duration>> = fetches.map(|fetch| fetch.timeout).collect();
    timeouts
        .map(|timeouts| Instant::now() + timeouts.into_iter().max().unwrap_or_default().max(ROUTES_TIMEOUT))
}
