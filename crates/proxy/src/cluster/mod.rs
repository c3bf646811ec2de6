//! Upstream clusters: their hosts, the choice among them, and connections to them.
//!
//! A cluster must not know who uses it: tcp_proxy, the HTTP pool, and the xDS session all pick and connect alike.

mod balance;
mod connect;
mod endpoint;
mod set;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;

pub use balance::{Balancer, Policy};
pub use connect::{ConnectContext, ConnectError, UpstreamConnection};
pub use endpoint::{
    ActiveGuard, Address, Endpoint, EndpointCounters, EndpointSet, Locality, LocalityEndpoints,
};
pub use set::ClusterSet;

use crate::config::cluster::{ClusterConfig, Discovery, UpstreamHttp};
use crate::connection::ConnectionInfo;

/// One xDS cluster in use. An update of the cluster resource makes a new one; an update of its endpoints does not.
pub struct UpstreamCluster {
    config: ClusterConfig,
    generation: u64,
    endpoints: ArcSwap<EndpointSet>,
    balancer: Balancer,
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
}

impl PickError {
    /// Envoy's response flag.
    pub fn flag(self) -> &'static str {
        "UH"
    }
}

static GENERATIONS: AtomicU64 = AtomicU64::new(1);

impl UpstreamCluster {
    pub(crate) fn new(config: ClusterConfig) -> Self {
        Self {
            generation: GENERATIONS.fetch_add(1, Ordering::Relaxed),
            endpoints: ArcSwap::default(),
            balancer: Balancer::new(config.policy, config.panic_percent),
            config,
        }
    }

    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// `/apis/…` path of the resource that made this cluster.
    pub fn rule(&self) -> Option<&str> {
        self.config.rule.as_deref()
    }

    /// Differs for every version of every cluster in this process: connections pooled under another one are not for reuse.
    pub fn generation(&self) -> u64 {
        self.generation
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

    pub(crate) fn set_endpoints(&self, endpoints: EndpointSet) {
        self.endpoints.store(Arc::new(endpoints));
    }

    /// Chooses a host. Pure but for the counters.
    pub fn pick(&self, ctx: &PickContext<'_>) -> Result<Picked, PickError> {
        let endpoint = match self.config.discovery {
            Discovery::OriginalDestination => original_destination(ctx.downstream)?,
            _ => self.balancer.pick(&self.endpoints.load(), ctx.skip).ok_or(PickError::NoHealthyHost)?,
        };
        let guard = ActiveGuard::new(&endpoint);
        Ok(Picked { endpoint, guard })
    }
}

/// The host that the client itself dialled.
fn original_destination(downstream: &ConnectionInfo) -> Result<Arc<Endpoint>, PickError> {
    let destination = downstream.original_destination.ok_or(PickError::NoOriginalDestination)?;
    if Some(destination) == downstream.listener_address {
        return Err(PickError::Loop);
    }
    Ok(Arc::new(Endpoint::plain(destination)))
}

impl Endpoint {
    /// A host known by nothing but its address.
    fn plain(address: SocketAddr) -> Self {
        Self {
            address: address.into(),
            hostname: String::new(),
            weight: 1,
            healthy: true,
            priority: 0,
            locality: Locality::default(),
            transport: 0,
            counters: Arc::default(),
        }
    }
}
