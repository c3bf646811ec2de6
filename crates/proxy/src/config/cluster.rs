//! Clusters: discovery, load balancing, timeouts, HTTP version upstream.

use std::time::Duration;

use super::address::Host;
use super::socket::SocketSettings;
use crate::cluster::Policy;

/// A cluster resource, converted.
#[derive(Debug, Clone)]
pub struct ClusterConfig {
    pub name: String,
    /// `/apis/…` path of the resource that made this cluster.
    pub rule: Option<String>,
    pub discovery: Discovery,
    pub policy: Policy,
    pub panic_percent: f64,
    pub connect_timeout: Duration,
    pub http: UpstreamHttpOptions,
    pub sockets: SocketSettings,
}

/// Where a cluster's hosts come from.
#[derive(Debug, Clone)]
pub enum Discovery {
    Static,
    OriginalDestination,
    Dns { hosts: Vec<Host> },
}

/// How requests are sent to a cluster's hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamHttp {
    Http1,
    Http2,
    /// The version that the client spoke to us (`use_downstream_protocol_config`).
    SameAsDownstream,
}

#[derive(Debug, Clone)]
pub struct UpstreamHttpOptions {
    pub version: UpstreamHttp,
    /// A pooled connection without requests is closed after this; `None`: never.
    pub idle_timeout: Option<Duration>,
    pub max_requests_per_connection: Option<u32>,
    pub max_concurrent_streams: Option<u32>,
}
