//! Istio `VirtualService`: which traffic goes where.

mod faults;
mod http;
mod l4;
mod matching;

use serde::Deserialize;

pub use faults::*;
pub use http::*;
pub use l4::*;
pub use matching::*;

/// The name in `gateways` that stands for all sidecars.
pub const MESH_GATEWAY: &str = "mesh";

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct VirtualService {
    pub hosts: Vec<String>,
    /// Empty means `[mesh]`.
    pub gateways: Vec<String>,
    pub http: Vec<HttpRoute>,
    pub tls: Vec<TlsRoute>,
    pub tcp: Vec<TcpRoute>,
    pub export_to: Vec<String>,
}

/// Where a route sends traffic.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Destination {
    /// A short name is completed with the VirtualService's namespace and the cluster domain.
    pub host: String,
    pub subset: String,
    pub port: Option<super::destination_rule::PortSelector>,
}
