//! Istio `Sidecar`: what a workload's proxy sees of the mesh, and what it listens on.

use serde::Deserialize;

use super::destination_rule::ConnectionPoolSettings;
use super::gateway::{GatewayPort, ServerTlsSettings};
use super::selector::LabelSelector;
use super::virtual_service::Destination;

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Sidecar {
    pub workload_selector: Option<LabelSelector>,
    pub ingress: Vec<IstioIngressListener>,
    pub egress: Vec<IstioEgressListener>,
    pub inbound_connection_pool: Option<ConnectionPoolSettings>,
    pub outbound_traffic_policy: Option<OutboundTrafficPolicy>,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct IstioIngressListener {
    pub port: Option<GatewayPort>,
    pub bind: String,
    pub capture_mode: CaptureMode,
    /// `127.0.0.1:PORT`, `0.0.0.0:PORT` or `unix:///path`.
    pub default_endpoint: String,
    pub tls: Option<ServerTlsSettings>,
    pub connection_pool: Option<ConnectionPoolSettings>,
}

/// Where the application really listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalEndpoint {
    /// The loopback address.
    Loopback(u16),
    /// The pod's own address.
    Pod(u16),
    /// A Unix socket.
    Unix(String),
}

impl IstioIngressListener {
    /// `defaultEndpoint`, read; `None` where it is empty or none of the three forms.
    pub fn endpoint(&self) -> Option<LocalEndpoint> {
        if let Some(path) = self.default_endpoint.strip_prefix("unix://") {
            return (!path.is_empty()).then(|| LocalEndpoint::Unix(path.to_owned()));
        }
        let (address, port) = self.default_endpoint.rsplit_once(':')?;
        let port: u16 = port.parse().ok().filter(|port| *port > 0)?;
        match address {
            "127.0.0.1" => Some(LocalEndpoint::Loopback(port)),
            "0.0.0.0" => Some(LocalEndpoint::Pod(port)),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct IstioEgressListener {
    pub port: Option<GatewayPort>,
    pub bind: String,
    pub capture_mode: CaptureMode,
    /// `namespace/host`, with `.`, `*` and `~` as namespaces.
    pub hosts: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CaptureMode {
    #[default]
    Default,
    Iptables,
    None,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OutboundTrafficPolicy {
    pub mode: OutboundMode,
    pub egress_proxy: Option<Destination>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OutboundMode {
    /// The first value of Istio's enum, hence its default.
    #[default]
    RegistryOnly,
    AllowAny,
}
