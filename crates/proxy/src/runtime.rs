//! Where the proxy is put together, from the bootstrap to the end of the last connection. Read it
//! top to bottom.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use carrick_policy::bootstrap::Bootstrap;
use carrick_xds::ResourceType;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Handle;
use tracing::{info, warn};

use crate::admin::AdminListener;
use crate::env::ProxyEnv;
use crate::registry::Registry;
use crate::resolver::{Resolver, SystemFiles};
use crate::resources::Origin;
use crate::session;
use crate::store::Store;
use crate::threads::{ControlThread, Threads};

/// How to run.
#[derive(Debug, Clone)]
pub struct ProxyOptions {
    pub bootstrap: Bootstrap,
    /// Worker threads; `None`: as many as the machine has cores.
    pub concurrency: Option<usize>,
    /// How long connections may go on after the process was asked to stop, and those of a listener
    /// after it was replaced.
    pub drain_time: Duration,
}

/// How long a stopping process goes on to accept connections, so that clients can learn that it is
/// going: each answer says so.
const LAST_CALL: Duration = Duration::from_millis(500);

/// Envoy's numbers for the state of a server (`admin.v3.ServerInfo.State`).
const LIVE: i64 = 0;
const DRAINING: i64 = 1;
const BEFORE_INITIALIZATION: i64 = 2;

/// Why the proxy could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the worker threads cannot be started: {0}")]
    Threads(io::Error),
    #[error("{place}.{error}")]
    Resource { place: String, error: carrick_xds::FieldError },
    #[error("admin.address: {0}")]
    Admin(io::Error),
    #[error("{0}")]
    Listener(String),
}

/// Runs a proxy on threads of its own until `shutdown` is done and connections have ended.
pub fn run_blocking(options: ProxyOptions, shutdown: impl Future<Output = ()>) -> Result<(), StartError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = options.concurrency {
        builder.worker_threads(workers.max(1));
    }
    let runtime = builder.enable_all().thread_name("worker").build().map_err(StartError::Threads)?;
    runtime.block_on(run(options, shutdown))
}

/// Runs a proxy on the caller's runtime.
pub async fn run(options: ProxyOptions, shutdown: impl Future<Output = ()>) -> Result<(), StartError> {
    let proxy = Proxy::start(options).await?;
    shutdown.await;
    proxy.drain().await;
    Ok(())
}

/// A proxy that runs.
pub struct Proxy {
    registry: Arc<Registry>,
    store: Store,
    drain_time: Duration,
    /// What lives as long as the proxy and serves no connection runs there.
    control: ControlThread,
}

impl Proxy {
    /// Connections are served on the caller's runtime; configuration and operators have a thread of
    /// their own.
    ///
    /// Returns when all that the bootstrap itself has is in use; what comes from servers arrives
    /// later, see [`ready`](Self::ready).
    pub async fn start(options: ProxyOptions) -> Result<Self, StartError> {
        raise_descriptor_limit();
        let bootstrap = options.bootstrap;
        let node = bootstrap.node.clone();
        let registry = Arc::new(Registry::new(node.id.clone()));
        let env = Arc::clone(&registry.env);
        env.stats.server.state.set(BEFORE_INITIALIZATION);
        let workers =
            options.concurrency.or_else(|| std::thread::available_parallelism().ok().map(Into::into));
        env.stats.server.concurrency.set(workers.unwrap_or(1) as i64);
        let resolver = Resolver::new(SystemFiles::read());
        let control = ControlThread::start().map_err(StartError::Threads)?;
        let store = Store::new(
            Arc::clone(&registry),
            resolver,
            bootstrap.default_sockets.clone(),
            options.drain_time,
            Threads { workers: Handle::current(), control: control.handle().clone() },
        );
        let proxy = Self { registry, store, drain_time: options.drain_time, control };
        let (registry, store) = (Arc::clone(&proxy.registry), proxy.store.clone());

        // The admin interface comes first: it can tell what the rest is waiting for.
        if let Some(address) = bootstrap.message.admin.as_ref().and_then(|admin| admin.address.as_ref()) {
            let address = address.clone();
            let bound = proxy.control.make(async move { AdminListener::bind(&address).await }).await;
            let gone = || Err(io::Error::other("the thread for it has ended"));
            let admin = bound.unwrap_or_else(gone).map_err(StartError::Admin)?;
            proxy.spawn(admin.serve(Arc::clone(&registry), Arc::clone(&bootstrap.message)));
        }

        // What the bootstrap itself has. It must be good as a whole.
        store.expect(bootstrap.dynamic_clusters, bootstrap.dynamic_listeners, bootstrap.first_clusters);
        for (kind, name, body, place) in bootstrap.static_resources() {
            let outcome = store.apply(kind, Origin::Static, &name, "", &body);
            outcome.map_err(|error| StartError::Resource { place, error })?;
        }
        check_bound(&registry)?;
        proxy.spawn(store.clone().keep_settling());

        // What comes from elsewhere, for as long as the process lives.
        proxy.spawn(session::follow_secrets(Arc::clone(&env), store.clone(), node.clone()));
        if let Some(server) = bootstrap.ads.clone() {
            let clusters = bootstrap.dynamic_clusters.then_some(ResourceType::Cluster);
            let listeners = bootstrap.dynamic_listeners.then_some(ResourceType::Listener);
            let kinds = clusters.into_iter().chain(listeners).collect();
            proxy.spawn(session::follow_ads(Arc::clone(&env), store.clone(), server, node, kinds));
        }
        proxy.spawn(announce(env, store));
        Ok(proxy)
    }

    pub fn env(&self) -> &Arc<ProxyEnv> {
        &self.registry.env
    }

    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Returns when everything that the proxy started with is in use: what `/ready` says.
    pub async fn ready(&self) {
        settled(&self.store).await;
    }

    /// Lets connections end by themselves: HTTP is told to go, nothing new is begun, and what takes
    /// longer than the time to drain is cut.
    pub async fn drain(self) {
        let env = &self.registry.env;
        env.stats.server.state.set(DRAINING);
        env.stats.server.live.set(0);
        env.drain.begin();
        env.connections.close();
        info!(connections = env.connections.len(), "draining");
        let over = tokio::time::Instant::now() + self.drain_time;
        // Ends early if nobody is there to be told.
        let _ = tokio::time::timeout(LAST_CALL.min(self.drain_time), env.connections.wait()).await;
        crate::listener::stop_all(&self.registry.listeners);
        if tokio::time::timeout_at(over, env.connections.wait()).await.is_err() {
            warn!(connections = env.connections.len(), "the time to drain is over");
        }
        crate::access_log::flush();
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.control.handle().spawn(task);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        crate::listener::stop_all(&self.registry.listeners);
    }
}

/// A static listener whose port is taken is an error at the start, as in Envoy.
fn check_bound(registry: &Registry) -> Result<(), StartError> {
    for (name, _, listener) in registry.resources.of(ResourceType::Listener) {
        if let Some((_, reason)) = listener.refused {
            return Err(StartError::Listener(format!("listener {name:?}: {reason}")));
        }
    }
    Ok(())
}

async fn announce(env: Arc<ProxyEnv>, store: Store) {
    settled(&store).await;
    if !env.drain.has_begun() {
        env.stats.server.state.set(LIVE);
        env.stats.server.live.set(1);
        info!("serving");
    }
}

async fn settled(store: &Store) {
    let mut interest = store.interest();
    while !store.is_settled() {
        // The sender is in the store.
        let _ = interest.changed().await;
    }
}

/// A proxy needs two descriptors per connection; the soft limit is often a tenth of what is
/// allowed.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Where it is not allowed, what is there must do.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
