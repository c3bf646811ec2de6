//! The way from a sidecar to its own application (`pilot/pkg/networking/core/cluster.go`,
//! `buildInboundCluster...`).

use carrick_model::resources::LocalEndpoint;

use super::ports::InboundPort;
use crate::address;
use crate::clusters::{circuit_breakers, fixed, policy, protocol};
use crate::context::Context;
use crate::envoy::cluster::Cluster;
use crate::names;
use crate::rule::{add, config, list, object, string};

/// The cluster of one port, with the service that leads to it. Unless a Sidecar resource says where
/// the application listens, it is reached at the address that the client called.
pub(super) fn inbound_cluster(context: &Context<'_>, port: &InboundPort) -> Cluster {
    let mut cluster = match &port.endpoint {
        None => fixed::inbound(port.cluster()),
        Some(endpoint) => Cluster {
            alt_stat_name: names::stat_name(port.cluster()),
            circuit_breakers: Some(circuit_breakers()),
            ..fixed::single_endpoint(port.cluster(), local(context, endpoint), fixed::CONNECT_TIMEOUT)
        },
    };
    let version = if port.protocol.is_http2() {
        protocol::http2()
    } else if port.protocol.is_auto() {
        protocol::downstream()
    } else {
        protocol::http1()
    };
    protocol::change(&mut cluster, |options| options.upstream_protocol_options = Some(version));
    let pool = port.number.and_then(|number| context.sidecar()?.inbound_pool(number));
    if let Some(pool) = pool {
        policy::connection_pool(pool, &mut cluster);
    }
    let mut metadata = port.responsible.as_deref().map(config).unwrap_or_default();
    if let Some(serving) = &port.serving {
        let service = &serving.service;
        let named = object([
            ("host", string(&service.host)),
            ("name", string(&service.name)),
            ("namespace", string(&service.namespace)),
        ]);
        add(&mut metadata, "services", list(vec![named]));
    }
    cluster.metadata = Some(metadata);
    cluster
}

fn local(context: &Context<'_>, endpoint: &LocalEndpoint) -> crate::envoy::core::Address {
    match endpoint {
        LocalEndpoint::Loopback(port) => address::tcp(&"127.0.0.1", *port),
        LocalEndpoint::Pod(port) => address::tcp(&context.node.ip, *port),
        LocalEndpoint::Unix(path) => address::unix(path),
    }
}
