//! Where the proxy is put together, from the bootstrap to the end of the last connection. Read it top to bottom.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use carrick_xds::ResourceType;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{info, warn};

use crate::admin::AdminListener;
use crate::bootstrap::Bootstrap;
use crate::env::ProxyEnv;
use crate::resolver::{Resolver, SystemFiles};
use crate::resources::Origin;
use crate::session;
use crate::store::Store;

/// How to run.
#[derive(Debug, Clone)]
pub struct ProxyOptions {
    pub bootstrap: Bootstrap,
    /// Worker threads; `None`: as many as the machine has cores.
    pub concurrency: Option<usize>,
    /// How long connections may go on after the process was asked to stop, and those of a listener after it was replaced.
    pub drain_time: Duration,
}

/// How long a stopping process goes on to accept connections, so that clients can learn that it is going: each answer says so.
const LAST_CALL: Duration = Duration::from_millis(500);

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
    raise_descriptor_limit();
    let bootstrap = options.bootstrap;
    let env = Arc::new(ProxyEnv::new(bootstrap.node.id.clone()));
    env.stats.server.state.set(2);
    let workers = options.concurrency.or_else(|| std::thread::available_parallelism().ok().map(Into::into));
    env.stats.server.concurrency.set(workers.unwrap_or(1) as i64);

    // The admin interface comes first: it can tell what the rest is waiting for.
    if let Some(address) = bootstrap.message.admin.as_ref().and_then(|admin| admin.address.as_ref()) {
        let admin = AdminListener::bind(address).await.map_err(StartError::Admin)?;
        tokio::spawn(admin.serve(Arc::clone(&env), Arc::clone(&bootstrap.message)));
    }

    // What the bootstrap itself has. It must be good as a whole.
    let resolver = Resolver::new(SystemFiles::read());
    let sockets = bootstrap.default_sockets.clone();
    let store = Store::new(Arc::clone(&env), resolver, sockets, options.drain_time);
    store.expect(bootstrap.dynamic_clusters, bootstrap.dynamic_listeners);
    for (kind, name, body, place) in bootstrap.static_resources() {
        let outcome = store.apply(kind, Origin::Static, &name, "", &body);
        outcome.map_err(|error| StartError::Resource { place, error })?;
    }
    check_bound(&env)?;
    tokio::spawn(store.clone().keep_settling());

    // What comes from elsewhere, for as long as the process lives.
    tokio::spawn(session::follow_secrets(Arc::clone(&env), store.clone(), bootstrap.node.clone()));
    if let Some(server) = bootstrap.ads.clone() {
        let clusters = bootstrap.dynamic_clusters.then_some(ResourceType::Cluster);
        let listeners = bootstrap.dynamic_listeners.then_some(ResourceType::Listener);
        let kinds = clusters.into_iter().chain(listeners).collect();
        let node = bootstrap.node.clone();
        tokio::spawn(session::follow_ads(Arc::clone(&env), store.clone(), server, node, kinds));
    }
    tokio::spawn(announce(Arc::clone(&env), store));

    shutdown.await;
    drain(&env, options.drain_time).await;
    Ok(())
}

/// A static listener whose port is taken is an error at the start, as in Envoy.
fn check_bound(env: &ProxyEnv) -> Result<(), StartError> {
    for (name, _, listener) in env.resources.of(ResourceType::Listener) {
        if let Some((_, reason)) = listener.refused {
            return Err(StartError::Listener(format!("listener {name:?}: {reason}")));
        }
    }
    Ok(())
}

/// Says when everything that the proxy started with is in use: `/ready` turns good.
async fn announce(env: Arc<ProxyEnv>, store: Store) {
    let mut interest = store.interest();
    while !store.is_settled() {
        if interest.changed().await.is_err() {
            return;
        }
    }
    if !env.drain.has_begun() {
        env.stats.server.state.set(0);
        env.stats.server.live.set(1);
        info!("serving");
    }
}

/// Lets connections end by themselves: HTTP is told to go, nothing new is begun, and what takes longer than `time` is cut.
async fn drain(env: &ProxyEnv, time: Duration) {
    env.stats.server.state.set(1);
    env.stats.server.live.set(0);
    env.drain.begin();
    env.connections.close();
    info!(connections = env.connections.len(), "draining");
    let over = tokio::time::Instant::now() + time;
    // Ends early if nobody is there to be told.
    let _ = tokio::time::timeout(LAST_CALL.min(time), env.connections.wait()).await;
    crate::listener::stop_all(&env.listeners);
    if tokio::time::timeout_at(over, env.connections.wait()).await.is_err() {
        warn!(connections = env.connections.len(), "the time to drain is over");
    }
    crate::access_log::flush();
}

/// A proxy needs two descriptors per connection; the soft limit is often a tenth of what is allowed.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Where it is not allowed, what is there must do.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
