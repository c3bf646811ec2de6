//! Upstream clusters: their hosts, the choice among them, and connections to them.
//!
//! A cluster must not know who uses it: tcp_proxy, the HTTP pool, and the xDS session all pick and
//! connect alike.

mod breakers;
mod connect;
mod discover;
mod eject;
pub(crate) mod http;
mod set;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use carrick_policy::access_log::ResponseFlag;
use carrick_policy::address::Address;
use carrick_policy::balance::Balancer;
use carrick_policy::balance::endpoint::{ActiveGuard, Endpoint, EndpointSet};
use carrick_policy::config::cluster::{ClusterConfig, Discovery, UpstreamHttp};
use carrick_policy::connection::ConnectionInfo;
use carrick_xds::FieldError;
use tokio::sync::watch;

pub(crate) use breakers::{Breakers, Permit};
pub(crate) use connect::Upstream;
pub use connect::{ConnectContext, ConnectError, UpstreamConnection};
pub(crate) use discover::follow_names;
pub(crate) use eject::follow_outliers;
pub use set::ClusterSet;

use crate::secrets::Secrets;
use crate::stats::{ClusterStats, Stats};
use crate::tls::ClientTls;

/// One xDS cluster in use. An update of the cluster resource makes a new one; an update of its
/// endpoints does not.
pub struct UpstreamCluster {
    config: ClusterConfig,
    generation: u64,
    endpoints: ArcSwap<EndpointSet>,
    balancer: Balancer,
    /// Parallel to the configuration's transports; `None` is plain text.
    transports: Vec<Option<ClientTls>>,
    /// Requests (HTTP) or connections (TCP) in progress, over all hosts.
    active: Arc<AtomicU32>,
    breakers: Arc<Breakers>,
    /// Held while the endpoints are replaced.
    writer: Mutex<()>,
    /// Whether hosts were delivered or resolved at least once, or cannot be.
    discovered: AtomicBool,
    /// Rises with every secret that is new or renewed.
    secrets: watch::Receiver<u64>,
    /// Pooled connections; they go when the cluster goes.
    pub(crate) http: ClusterHttp,
    /// Names and counters, as records have them.
    labels: Labels,
}

/// What may influence the choice of a host.
pub struct PickContext<'a> {
    pub downstream: &'a ConnectionInfo,
    /// For consistent hashing.
    pub hash: Option<u64>,
    /// Hosts tried before, to be avoided where others exist.
    pub skip: &'a [Address],
}

/// A chosen host; counts as one active request there until dropped.
#[derive(Debug)]
pub struct Picked {
    pub endpoint: Arc<Endpoint>,
    pub guard: ActiveGuard,
}

/// Why a cluster has no host for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PickError {
    #[error("no healthy upstream")]
    NoHealthyHost,
    #[error("the connection was not redirected here, so it has no original destination to go to")]
    NoOriginalDestination,
    #[error("the original destination is this proxy's own listener")]
    Loop,
    #[error("the cluster's limit of requests is reached")]
    Overflow,
}

impl PickError {
    /// Envoy's response flag.
    pub fn flag(self) -> ResponseFlag {
        match self {
            Self::Overflow => ResponseFlag::UpstreamOverflow,
            Self::NoHealthyHost | Self::NoOriginalDestination | Self::Loop => ResponseFlag::NoHealthyUpstream,
        }
    }
}

/// What HTTP keeps per cluster: its connections.
#[derive(Default)]
pub struct ClusterHttp {
    pub(crate) pool: http::Pool,
}

/// Names and counters of a cluster, in the form that records share.
#[derive(Debug, Clone)]
pub(crate) struct Labels {
    pub(crate) name: Arc<str>,
    pub(crate) rule: Option<Arc<str>>,
    pub(crate) stats: Arc<ClusterStats>,
}

static GENERATIONS: AtomicU64 = AtomicU64::new(1);

impl UpstreamCluster {
    /// Static hosts are there at once; others arrive later. Secrets are only looked up, not waited
    /// for.
    pub(crate) fn new(config: ClusterConfig, secrets: &Secrets, stats: &Stats) -> Result<Self, FieldError> {
        let transports = config.transports.iter().enumerate().map(|(n, transport)| {
            let place = match n {
                0 => "transport_socket".to_owned(),
                n => format!("transport_socket_matches[{}].transport_socket", n - 1),
            };
            let tls = transport.tls.clone().map(|tls| ClientTls::new(tls, secrets)).transpose();
            tls.map_err(|error| error.within("typed_config").within(place))
        });
        let cluster = Self {
            generation: GENERATIONS.fetch_add(1, Ordering::Relaxed),
            endpoints: ArcSwap::default(),
            balancer: Balancer::new(config.policy, config.panic_percent),
            transports: transports.collect::<Result<_, _>>()?,
            active: Arc::default(),
            breakers: Arc::new(Breakers::new(config.limits)),
            writer: Mutex::new(()),
            discovered: AtomicBool::new(false),
            secrets: secrets.changes(),
            http: ClusterHttp::default(),
            labels: Labels {
                name: config.name.as_str().into(),
                rule: config.rule.as_deref().map(Arc::from),
                stats: stats.cluster(&config.name),
            },
            config,
        };
        match &cluster.config.discovery {
            Discovery::Static(assignment) => cluster.assign(assignment),
            Discovery::OriginalDestination => cluster.set_discovered(),
            Discovery::Eds { .. } | Discovery::Dns { .. } => {}
        }
        Ok(cluster)
    }

    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// `/apis/…` path of the resource that made this cluster.
    pub fn rule(&self) -> Option<&str> {
        self.config.rule.as_deref()
    }

    /// Differs for every version of every cluster in this process: connections pooled under another
    /// one are not for reuse.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) fn labels(&self) -> &Labels {
        &self.labels
    }

    pub fn http_version(&self) -> UpstreamHttp {
        self.config.http.version
    }

    pub fn config(&self) -> &ClusterConfig {
        &self.config
    }

    pub fn connect_timeout(&self) -> Duration {
        self.config.connect_timeout
    }

    /// The hosts known now, all priorities, healthy or not.
    pub fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        self.endpoints.load().endpoints().cloned().collect()
    }

    /// The state of all secrets: a connection made before may rest on a secret that is gone.
    pub(crate) fn secrets_version(&self) -> u64 {
        *self.secrets.borrow()
    }

    /// Connections to all hosts now.
    pub fn active_connections(&self) -> u32 {
        self.breakers.connections()
    }

    pub(crate) fn breakers(&self) -> &Arc<Breakers> {
        &self.breakers
    }

    /// Requests (HTTP) and connections (TCP) in progress.
    pub fn active_requests(&self) -> u32 {
        self.active.load(Ordering::Relaxed)
    }

    /// Whether a connection to this host is TLS.
    pub fn uses_tls(&self, endpoint: &Endpoint) -> bool {
        self.transports.get(endpoint.transport).is_some_and(Option::is_some)
    }

    /// Whether hosts and secrets are all there: the cluster has warmed.
    pub(crate) fn is_ready(&self) -> bool {
        self.discovered.load(Ordering::Acquire) && self.transports.iter().flatten().all(ClientTls::is_ready)
    }

    fn is_discovered(&self) -> bool {
        self.discovered.load(Ordering::Acquire)
    }

    fn set_discovered(&self) {
        self.discovered.store(true, Ordering::Release);
    }

    /// Chooses a host for a connection.
    pub fn pick(&self, ctx: &PickContext<'_>) -> Result<Picked, PickError> {
        let endpoint =
            self.choose(ctx).inspect_err(|_| self.labels.stats.upstream_cx_none_healthy.increment())?;
        let (guard, _before) = ActiveGuard::new(&endpoint, &self.active);
        Ok(Picked { endpoint, guard })
    }

    /// Chooses a host for an HTTP request, of which only so many may be in progress.
    pub fn pick_for_request(&self, ctx: &PickContext<'_>) -> Result<Picked, PickError> {
        let endpoint =
            self.choose(ctx).inspect_err(|_| self.labels.stats.upstream_cx_none_healthy.increment())?;
        let (guard, before) = ActiveGuard::new(&endpoint, &self.active);
        // It is counted already: whoever finds the place taken steps back.
        match before < self.config.limits.requests {
            true => Ok(Picked { endpoint, guard }),
            false => {
                self.labels.stats.upstream_rq_pending_overflow.increment();
                Err(PickError::Overflow)
            }
        }
    }

    fn choose(&self, ctx: &PickContext<'_>) -> Result<Arc<Endpoint>, PickError> {
        match self.config.discovery {
            Discovery::OriginalDestination => original_destination(ctx.downstream),
            _ => {
                let endpoints = self.endpoints.load();
                self.balancer.pick(&endpoints, ctx.hash, ctx.skip).ok_or(PickError::NoHealthyHost)
            }
        }
    }
}

/// The host that the client itself dialled.
fn original_destination(downstream: &ConnectionInfo) -> Result<Arc<Endpoint>, PickError> {
    let destination = downstream.original_destination.ok_or(PickError::NoOriginalDestination)?;
    if downstream.listener_address.is_some_and(|listener| is_at(listener, destination)) {
        return Err(PickError::Loop);
    }
    Ok(Arc::new(Endpoint::plain(destination)))
}

/// Whether connecting to `destination` reaches a socket bound to `listener`, as far as addresses
/// alone tell.
fn is_at(listener: SocketAddr, destination: SocketAddr) -> bool {
    let ip = destination.ip();
    let everywhere = listener.ip().is_unspecified() && (ip.is_loopback() || ip.is_unspecified());
    listener.port() == destination.port() && (listener.ip() == ip || everywhere)
}
