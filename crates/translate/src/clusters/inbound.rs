//! The way from a sidecar to its own application (`pilot/pkg/networking/core/cluster.go`, `buildInboundCluster...`).

use super::{fixed, protocol};
use crate::envoy::cluster::Cluster;
use crate::rule::{istio, list, object, string};
use carrick_model::snapshot::{Service, ServicePort};

/// The cluster of one port, with the service that leads to it.
pub fn of(name: &str, service: &Service, port: &ServicePort) -> Cluster {
    let mut cluster = fixed::inbound(name);
    let version = if port.protocol.is_http2() {
        protocol::http2()
    } else if port.protocol.is_auto() {
        protocol::downstream()
    } else {
        protocol::http1()
    };
    protocol::change(&mut cluster, |options| options.upstream_protocol_options = Some(version));
    cluster.metadata = Some(istio([
        ("config", string(&service.meta.config_path())),
        (
            "services",
            list(vec![object([
                ("host", string(&service.host)),
                ("name", string(&service.name)),
                ("namespace", string(&service.namespace)),
            ])]),
        ),
    ]));
    cluster
}
