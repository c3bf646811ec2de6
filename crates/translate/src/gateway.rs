//! A gateway: listeners from `Gateway` servers, filled by the VirtualServices that are bound to them
//! (`pilot/pkg/networking/core/gateway.go`, `model/gateway.go`; semantics document, section 8).

mod auto_passthrough;
mod http;
mod server_tls;
mod servers;
mod streams;

use std::collections::BTreeSet;

use carrick_xds::ProxyResources;

use crate::access_log;
use crate::address;
use crate::clusters;
use crate::context::Context;
use crate::credentials;
use crate::envoy::core::TrafficDirection;
use crate::envoy::listener::{FilterChain, Listener};
use crate::filters::listener::tls_inspector;
use crate::names;
use servers::{BoundServer, Class, GatewayPort, Kind};

/// How long a client may take to say where it wants to go. Envoy's default is 15 s and Istio leaves it at that; half-open
/// connections cost an edge memory, and a ClientHello is the first thing that an honest client sends.
const CLIENT_HELLO_SECONDS: i64 = 5;

pub fn add(context: &Context<'_>, resources: &mut ProxyResources) {
    clusters::outbound::add_all(context, resources);
    resources.add_cluster(&clusters::fixed::black_hole());
    let ports = servers::ports(context);
    if ports.iter().flat_map(|port| &port.servers).any(|bound| bound.kind == Kind::AutoPassthrough) {
        clusters::outbound::add_all_by_sni(context, resources);
    }
    for port in &ports {
        let filter_chains = chains(context, port, resources);
        // Without a chain nobody could get in: the port stays closed.
        if !filter_chains.is_empty() {
            resources.add_listener(&listener(context, port, filter_chains));
        }
    }
}

/// The chains of one port, and, along the way, the route tables that they name.
fn chains(context: &Context<'_>, port: &GatewayPort, resources: &mut ProxyResources) -> Vec<FilterChain> {
    if port.class == Class::Http {
        resources.add_route(&http::plain_routes(context, port));
        return vec![http::plain_chain(context, port)];
    }
    let mut chains = Vec::new();
    let mut taken = BTreeSet::new();
    for bound in &port.servers {
        let tls = bound.server().tls.as_ref();
        if tls.is_some_and(|tls| !credentials::provide_for_server(context, tls, resources)) {
            // Without its certificate it cannot answer; its neighbours can.
            continue;
        }
        match bound.kind {
            Kind::Https => {
                resources.add_route(&http::tls_routes(context, port, bound));
                chains.push(http::tls_chain(context, port, bound));
            }
            Kind::Passthrough => chains.extend(streams::passthrough(context, bound, &mut taken)),
            Kind::AutoPassthrough => chains.extend(auto_passthrough::chains(context, bound, &mut taken)),
            Kind::TlsTerminated => chains.extend(streams::terminated(context, bound)),
            Kind::Tcp => chains.extend(streams::opaque(context, bound)),
            Kind::Http => {}
        }
    }
    // Envoy refuses a listener in which two chains have the same conditions: the older one has them.
    let mut distinct: Vec<FilterChain> = Vec::new();
    for chain in chains {
        if distinct.iter().all(|known| known.filter_chain_match != chain.filter_chain_match) {
            distinct.push(chain);
        }
    }
    distinct
}

fn listener(context: &Context<'_>, port: &GatewayPort, filter_chains: Vec<FilterChain>) -> Listener {
    let inspects = port.class == Class::Tls;
    Listener {
        name: names::bound(&port.bind, port.number),
        address: Some(address::tcp(&port.bind, port.number)),
        traffic_direction: TrafficDirection::Outbound as i32,
        filter_chains,
        listener_filters: if inspects { vec![tls_inspector()] } else { vec![] },
        listener_filters_timeout: inspects
            .then_some(prost_types::Duration { seconds: CLIENT_HELLO_SECONDS, nanos: 0 }),
        access_log: context.access_log.iter().map(access_log::of_unmatched).collect(),
        ..Default::default()
    }
}

/// The server's names as chain conditions. Envoy takes no bare `*`: any name is no condition.
fn server_names(bound: &BoundServer) -> Vec<String> {
    let hosts: BTreeSet<&str> = carrick_model::snapshot::server_hosts(bound.server()).collect();
    if hosts.contains("*") { vec![] } else { hosts.into_iter().map(str::to_owned).collect() }
}
