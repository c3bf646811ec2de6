//! A sidecar's inbound side: who may call the application, and how
//! (`pilot/pkg/networking/core/listener_inbound.go`, `filterchain_options.go`; semantics document,
//! section 7).

mod chain_specs;
mod clusters;
mod exposed;
mod ports;

use std::collections::BTreeSet;

use carrick_model::Protocol;
use carrick_xds::ProxyResources;

use crate::access_log;
use crate::address;
use crate::chains::{self, When, caused_by, chain, encrypted, guarded};
use crate::clusters::fixed;
use crate::context::Context;
use crate::envoy::core::TrafficDirection;
use crate::envoy::listener::{Filter, FilterChain, Listener};
use crate::envoy::route::route_action::ClusterSpecifier;
use crate::envoy::route::{RouteAction, VirtualHost};
use crate::filters;
use crate::filters::http::{Place, Routes, connection_manager};
use crate::filters::listener::{except_for_ports, http_inspector, original_dst, tls_inspector};
use crate::names;
use crate::routes;
use crate::rule;
use crate::tls::{ServerTls, server_socket};
use chain_specs::{ChainSpec, Inner};
use exposed::InboundChain;
use ports::InboundPort;

pub(crate) fn add(context: &Context<'_>, resources: &mut ProxyResources) {
    let ports = ports::inbound_ports(context);
    for port in &ports {
        // Ports that nothing speaks of share the one cluster below.
        if port.cluster() != names::INBOUND_PASSTHROUGH {
            let cluster = clusters::inbound_cluster(context, port);
            resources.add_cluster(&cluster);
        }
    }
    resources.add_cluster(&fixed::inbound_passthrough());
    resources.add_listener(&virtual_inbound(context, &ports));
}

/// Every captured inbound connection arrives here. Chains are told apart by the port that the
/// client dialled, and then by what its first bytes are.
fn virtual_inbound(context: &Context<'_>, ports: &[InboundPort]) -> Listener {
    let capture = names::INBOUND_CAPTURE_PORT;
    let mut filter_chains = vec![chains::black_hole(context, names::VIRTUAL_INBOUND_BLACK_HOLE, capture)];
    for port in ports {
        filter_chains.extend(port.chains().iter().map(|one| filter_chain(context, port, one)));
    }
    let without = |needed: fn(&ChainSpec) -> bool| -> BTreeSet<u16> {
        ports
            .iter()
            .filter(|port| !port.chains().iter().any(|one| needed(&one.spec)))
            .filter_map(|port| port.number)
            .collect()
    };
    Listener {
        name: names::VIRTUAL_INBOUND.into(),
        address: Some(address::tcp(&names::WILDCARD, capture)),
        traffic_direction: TrafficDirection::Inbound as i32,
        filter_chains,
        listener_filters: vec![
            original_dst(),
            except_for_ports(tls_inspector(), &without(|spec| spec.is_tls())),
            except_for_ports(http_inspector(), &without(ChainSpec::sniffs_http)),
        ],
        listener_filters_timeout: Some(Default::default()),
        continue_on_listener_filters_timeout: true,
        access_log: context.access_log.iter().map(access_log::unmatched_only).collect(),
        ..Default::default()
    }
}

fn filter_chain(context: &Context<'_>, port: &InboundPort, one: &InboundChain) -> FilterChain {
    let spec = &one.spec;
    let filter = match spec.inner {
        Inner::Http if one.from_outside => http(context, port, Place::Border),
        Inner::Http => http(context, port, Place::Inbound),
        Inner::Bytes => filters::tcp::to_cluster(port.cluster(), &context.access_log),
    };
    let when = When {
        destination_port: port.number,
        server_names: one.server_names.clone(),
        transport: spec.transport,
        ..Default::default()
    };
    let mut one = chain(&port.chain_name(spec.inner), when.alpn(spec.alpn), filter);
    if spec.inner == Inner::Bytes {
        one = guarded(context, one);
    }
    if spec.terminates {
        one = encrypted(server_socket(mutual_tls(context, spec.inner)), one);
    }
    match &port.responsible {
        Some(config_path) => caused_by(rule::config(config_path), one),
        None => one,
    }
}

/// Clients of this mesh and of every mesh that it trusts.
fn mutual_tls(context: &Context<'_>, inner: Inner) -> ServerTls {
    let settings = context.settings();
    let domains: Vec<_> = std::iter::once(&settings.trust_domain)
        .chain(&settings.trust_domain_aliases)
        .chain(&settings.peer_trust_domains)
        .collect();
    ServerTls::of_sidecar(&domains, inner.alpn())
}

fn http(context: &Context<'_>, port: &InboundPort, place: Place) -> Filter {
    let listener = names::bound(&names::WILDCARD, port.number.unwrap_or(0));
    let stat_prefix = match port.number {
        Some(_) => names::stat_name(&format!("inbound_{listener}")),
        None => names::INBOUND_PASSTHROUGH.to_owned(),
    };
    let service_port = port.serving.as_ref().map_or(0, |serving| serving.port().number);
    let host = VirtualHost {
        name: names::inbound_virtual_host(service_port),
        domains: vec!["*".into()],
        routes: vec![route(port)],
        ..Default::default()
    };
    let mut table = routes::configuration(port.cluster().to_owned(), vec![host]);
    // The one domain takes every host.
    table.ignore_port_in_host_matching = false;
    let routes = Routes::Inline(Box::new(table));
    connection_manager(place, &stat_prefix, routes, &context.guards.http, &context.access_log)
}

fn route(port: &InboundPort) -> crate::envoy::route::Route {
    let retries = !matches!(port.protocol, Protocol::Grpc | Protocol::GrpcWeb);
    let action = RouteAction {
        cluster_specifier: Some(ClusterSpecifier::Cluster(port.cluster().to_owned())),
        timeout: Some(Default::default()),
        retry_policy: retries.then(routes::inbound_policy),
        ..Default::default()
    };
    let called = match &port.serving {
        Some(serving) => names::host_port(&serving.service.host, serving.port().number),
        None => names::host_port("", 0),
    };
    routes::to_everything("default", action, port.responsible.as_deref(), &called)
}
