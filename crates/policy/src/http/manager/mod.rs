//! The HTTP connection manager's settings: how requests are read, cleaned, answered and logged.
//!
//! Built from an `HttpConnectionManager` message, never changed. It must not know how connections
//! are served.

mod convert;
mod filters;
mod protocol;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use super::RouteTable;
use super::filters::Filter;
use super::forwarded::ClientPolicy;
use super::path::PathPolicy;
use super::sanitize::Underscores;
use super::xfcc::XfccPolicy;
use crate::access_log::{AccessLog, WantedHeaders};

pub use protocol::{Codec, Http1Options, Http2Options, Limits};

/// One `HttpConnectionManager` filter, converted.
#[derive(Debug)]
pub struct HttpManager {
    pub stat_prefix: String,
    pub routes: RouteSource,
    pub codec: Codec,
    pub http1: Http1Options,
    pub http2: Http2Options,
    pub limits: Limits,
    pub client: ClientPolicy,
    pub xfcc: XfccPolicy,
    pub path: PathPolicy,
    pub host: HostPolicy,
    pub underscores: Underscores,
    pub server: ServerHeader,
    pub via: Option<HeaderValue>,
    /// Answers carry the request's id also where nobody asked for it.
    pub request_id_in_response: bool,
    /// `x-envoy-upstream-service-time` and kin are left out.
    pub suppress_envoy_headers: bool,
    /// In the order in which they run; the router comes after them.
    pub filters: Vec<Filter>,
    /// Upgrade types that are let through, in lower case.
    pub upgrades: Vec<(String, bool)>,
    pub access_logs: Vec<Arc<AccessLog>>,
    pub wanted: WantedHeaders,
}

/// Where a connection manager finds its routes.
#[derive(Debug, Clone)]
pub enum RouteSource {
    /// The name of a route configuration that RDS delivers.
    Rds(String),
    Inline(Arc<RouteTable>),
}

/// What is taken off the authority before routing.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostPolicy {
    pub strip: StripPort,
    pub strip_trailing_dot: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StripPort {
    #[default]
    None,
    /// Where it is the port that the client connected to.
    Matching,
    Any,
}

/// Envoy's `server_header_transformation`, with the name.
#[derive(Debug, Clone)]
pub enum ServerHeader {
    Overwrite(HeaderValue),
    AppendIfAbsent(HeaderValue),
    PassThrough,
}

impl HttpManager {
    pub fn route_source(&self) -> RouteSource {
        self.routes.clone()
    }

    /// Whether an upgrade may pass; the route's word counts more than the manager's.
    pub fn allows_upgrade(&self, kind: &str, of_route: &[(String, bool)]) -> bool {
        let says = |list: &[(String, bool)]| {
            list.iter().find(|(name, _)| name.eq_ignore_ascii_case(kind)).map(|(_, allowed)| *allowed)
        };
        says(of_route).or_else(|| says(&self.upgrades)).unwrap_or(false)
    }
}

/// `None` for zero: Envoy's way to switch a timeout off.
fn unless_zero(timeout: Duration) -> Option<Duration> {
    (!timeout.is_zero()).then_some(timeout)
}

#[cfg(test)]
mod tests;
