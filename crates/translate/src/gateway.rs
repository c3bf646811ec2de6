//! A gateway: listeners from `Gateway` servers, filled by the VirtualServices that are bound to
//! them (`pilot/pkg/networking/core/gateway.go`; semantics document, section 8). Which servers and
//! routes these are, the model decides.

mod auto_passthrough;
mod http;
mod server_tls;
mod streams;

use std::collections::BTreeSet;

use carrick_model::snapshot::{
    GatewayListener, GatewayServer, ListenerProtocol, ServerKind, SniClaim, SniTarget, server_hosts,
};
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

/// How long a client may take to say where it wants to go. Envoy's default is 15 s and Istio leaves
/// it at that; half-open connections cost an edge memory, and a ClientHello is the first thing that
/// an honest client sends.
const CLIENT_HELLO_SECONDS: i64 = 5;

pub(crate) fn add(context: &Context<'_>, resources: &mut ProxyResources) {
    clusters::outbound::add_all(context, resources);
    resources.add_cluster(&clusters::fixed::black_hole());
    let listeners = context.snapshot.gateway_listeners(context.gateway_proxy()).listeners;
    let mut servers = listeners.iter().flat_map(|port| &port.servers);
    if servers.any(|server| server.kind == ServerKind::AutoPassthrough) {
        clusters::outbound::add_all_by_sni(context, resources);
    }
    for port in &listeners {
        let filter_chains = chains(context, port, resources);
        // Without a chain nobody could get in: the port stays closed.
        if !filter_chains.is_empty() {
            resources.add_listener(&listener(context, port, filter_chains));
        }
    }
}

/// The chains of one port, and, along the way, the route tables and secrets that they name.
fn chains(context: &Context<'_>, port: &GatewayListener, resources: &mut ProxyResources) -> Vec<FilterChain> {
    match port.protocol {
        ListenerProtocol::Http => {
            resources.add_route(&http::plain_routes(context, port));
            vec![http::plain_chain(context, port)]
        }
        ListenerProtocol::Tcp => {
            port.servers.iter().filter_map(|server| streams::opaque(context, server)).collect()
        }
        ListenerProtocol::Tls => {
            let claims = context.snapshot.sni_claims(context.gateway_proxy(), port);
            // Envoy refuses a listener in which two chains have one name: the older claim has it.
            let valid = claims.iter().filter(|claim| claim.taken.is_none());
            valid.filter_map(|claim| tls_chain(context, port, claim, resources)).collect()
        }
    }
}

fn tls_chain(
    context: &Context<'_>,
    port: &GatewayListener,
    claim: &SniClaim,
    resources: &mut ProxyResources,
) -> Option<FilterChain> {
    let server = &port.servers[claim.server];
    match &claim.target {
        SniTarget::Terminated => {
            let tls = server.server().tls.as_ref()?;
            if !credentials::provide_for_server(context, tls, resources) {
                return None;
            }
            if server.kind == ServerKind::TlsTerminated {
                return streams::terminated(context, server, tls);
            }
            resources.add_route(&http::tls_routes(context, port, server));
            Some(http::tls_chain(context, port, server, tls))
        }
        SniTarget::Route { resource, .. } => {
            let (wanted, destinations) = claim.target.route()?;
            streams::passthrough(context, server, resource, wanted, destinations)
        }
        SniTarget::Service { .. } => Some(auto_passthrough::chain_for(context, server, &claim.names)),
    }
}

fn listener(context: &Context<'_>, port: &GatewayListener, filter_chains: Vec<FilterChain>) -> Listener {
    let inspects = port.protocol == ListenerProtocol::Tls;
    Listener {
        name: names::bound(&port.bind, port.port),
        address: Some(address::tcp(&port.bind, port.port)),
        traffic_direction: TrafficDirection::Outbound as i32,
        filter_chains,
        listener_filters: if inspects { vec![tls_inspector()] } else { vec![] },
        listener_filters_timeout: inspects
            .then_some(prost_types::Duration { seconds: CLIENT_HELLO_SECONDS, nanos: 0 }),
        access_log: context.access_log.iter().map(access_log::unmatched_only).collect(),
        ..Default::default()
    }
}

/// The server's names as chain conditions. Envoy takes no bare `*`: any name is no condition.
fn server_names(server: &GatewayServer) -> Vec<String> {
    let hosts: BTreeSet<&str> = server_hosts(server.server()).collect();
    if hosts.contains("*") { vec![] } else { hosts.into_iter().map(str::to_owned).collect() }
}
