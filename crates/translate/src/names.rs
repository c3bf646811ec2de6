//! Istio's names for clusters, listeners, routes and virtual hosts. It must not know what the named
//! things contain.
//!
//! Other systems (dashboards, `istioctl`, access-log readers) parse these, so they are Istio's to
//! the letter: `pilot/pkg/model/service.go` (clusters), `model/listener.go` (listeners and chains),
//! `model/gateway.go` (gateway routes).

use std::fmt::Display;

/// A cluster without endpoints: what has nowhere to go ends here.
pub(crate) const BLACK_HOLE: &str = "BlackHoleCluster";
/// Sends a connection on to the address that the application dialled.
pub(crate) const PASSTHROUGH: &str = "PassthroughCluster";
/// Sends an inbound connection on to the local application, at the port that the client dialled.
pub(crate) const INBOUND_PASSTHROUGH: &str = "InboundPassthroughCluster";

pub(crate) const VIRTUAL_OUTBOUND: &str = "virtualOutbound";
pub(crate) const VIRTUAL_OUTBOUND_BLACK_HOLE: &str = "virtualOutbound-blackhole";
pub(crate) const VIRTUAL_OUTBOUND_CATCH_ALL: &str = "virtualOutbound-catchall-tcp";
pub(crate) const PASSTHROUGH_CHAIN: &str = "PassthroughFilterChain";
pub(crate) const VIRTUAL_INBOUND: &str = "virtualInbound";
pub(crate) const VIRTUAL_INBOUND_BLACK_HOLE: &str = "virtualInbound-blackhole";
pub(crate) const VIRTUAL_INBOUND_CATCH_ALL_HTTP: &str = "virtualInbound-catchall-http";

/// The control plane's ADS server.
pub(crate) const XDS_CLUSTER: &str = "xds-grpc";
/// The agent's SDS server.
pub(crate) const SDS_CLUSTER: &str = "sds-grpc";

/// Where captured outbound connections arrive.
pub(crate) const OUTBOUND_CAPTURE_PORT: u16 = 15001;
/// Where captured inbound connections arrive.
pub(crate) const INBOUND_CAPTURE_PORT: u16 = 15006;

/// Virtual hosts and routes of last resort (Istio's `istio_route.go`).
pub(crate) const ALLOW_ANY: &str = "allow_any";
pub(crate) const BLOCK_ALL: &str = "block_all";

/// The address that a sidecar dials its own application from, so that capture rules can exempt it.
pub(crate) const INBOUND_SOURCE_ADDRESS: &str = "127.0.0.6";
/// The address that stands for "any", in listener addresses and names.
pub(crate) const WILDCARD: &str = "0.0.0.0";

/// `outbound|80|v1|host`; the empty subset keeps both bars.
pub(crate) fn outbound_cluster(port: u16, subset: &str, host: &str) -> String {
    format!("outbound|{port}|{subset}|{host}")
}

/// The same key in the form that is fit for SNI: `outbound_.80_.v1_.host`.
pub(crate) use carrick_model::snapshot::sni_key as outbound_sni;

/// `inbound|8080||`, by target port.
pub(crate) fn inbound_cluster(target_port: u16) -> String {
    format!("inbound|{target_port}||")
}

/// The virtual host of an inbound route, by service port.
pub(crate) fn inbound_virtual_host(service_port: u16) -> String {
    format!("inbound|http|{service_port}")
}

/// `0.0.0.0_80`: listeners that share a bind and a port share this name.
pub(crate) fn bound(bind: &impl Display, port: u16) -> String {
    format!("{bind}_{port}")
}

/// `host:port`: virtual hosts, decorators' first half, routes of sniffed listeners.
pub(crate) fn host_port(host: &str, port: u16) -> String {
    format!("{host}:{port}")
}

/// A gateway's plain HTTP routes, by the port that it really listens on.
pub(crate) fn gateway_http_route(resolved_port: u16) -> String {
    format!("http.{resolved_port}")
}

/// A gateway's HTTPS routes, by the port that the `Gateway` declares.
pub(crate) fn gateway_https_route(
    server_port: u16,
    port_name: &str,
    gateway: &str,
    namespace: &str,
) -> String {
    format!("https.{server_port}.{port_name}.{gateway}.{namespace}")
}

/// The virtual host of a gateway port that no `VirtualService` serves.
pub(crate) fn gateway_black_hole(port: u16) -> String {
    format!("blackhole:{port}")
}

/// The virtual host of a gateway's HTTPS port for names that its server does not have.
pub(crate) fn gateway_misdirected(port: u16) -> String {
    format!("misdirected:{port}")
}

/// Statistics of a cluster or listener: a `;` ends the name, so that Prometheus rules can tell
/// where it stops.
pub(crate) fn stat_name(name: &str) -> String {
    format!("{name};")
}

#[cfg(test)]
mod tests;
