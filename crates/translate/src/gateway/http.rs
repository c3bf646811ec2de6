//! Servers that read HTTP, in the clear or after ending TLS, and their route tables
//! (`pilot/pkg/networking/core/gateway.go`, `buildGatewayHTTPRouteConfig`).

use std::collections::BTreeMap;

use carrick_model::snapshot::{bound_hosts, server_hosts};

use super::servers::{BoundServer, GatewayPort};
use super::{server_names, server_tls};
use crate::chains::{When, caused_by, chain, encrypted};
use crate::context::Context;
use crate::envoy::listener::{Filter, FilterChain};
use crate::envoy::route::virtual_host::TlsRequirementType;
use crate::envoy::route::{RouteConfiguration, VirtualHost};
use crate::filters::http::{Place, Routes, connection_manager};
use crate::names;
use crate::routes;
use crate::rule;
use crate::tls::{ALPN_HTTP, server_socket};

/// All plain HTTP servers of a port share one chain.
pub fn plain_chain(context: &Context<'_>, port: &GatewayPort) -> FilterChain {
    let stat_prefix = names::stat_name(&format!("outbound_{}", names::bound(&port.bind, port.number)));
    let routes = Routes::Discovered(plain_table(port));
    chain("", When::default(), manager(context, &stat_prefix, routes))
}

pub fn plain_routes(context: &Context<'_>, port: &GatewayPort) -> RouteConfiguration {
    table(context, port, plain_table(port), &port.servers.iter().collect::<Vec<_>>())
}

/// Each HTTPS server has a chain of its own, by its names.
pub fn tls_chain(context: &Context<'_>, port: &GatewayPort, bound: &BoundServer) -> FilterChain {
    let server = bound.server();
    let stat_prefix = match server.name.as_str() {
        "" => names::stat_name(&format!("outbound_{}", names::bound(&port.bind, port.number))),
        name => name.to_owned(),
    };
    let routes = Routes::Discovered(tls_table(port, bound));
    let manager = manager(context, &stat_prefix, routes);
    let when = When { server_names: server_names(bound), ..Default::default() };
    let one = caused_by(rule::config(&bound.gateway.meta.config_path()), chain("", when, manager));
    match &server.tls {
        Some(tls) => encrypted(server_socket(server_tls::of(tls, &ALPN_HTTP)), one),
        None => one,
    }
}

pub fn tls_routes(context: &Context<'_>, port: &GatewayPort, bound: &BoundServer) -> RouteConfiguration {
    table(context, port, tls_table(port, bound), &[bound])
}

fn plain_table(port: &GatewayPort) -> String {
    with_bind(names::gateway_http_route(port.number), port)
}

fn tls_table(port: &GatewayPort, bound: &BoundServer) -> String {
    let gateway = &bound.gateway.meta;
    let name = names::gateway_https_route(bound.port, &bound.port_name, &gateway.name, &gateway.namespace);
    with_bind(name, port)
}

/// Ports on single addresses have tables of their own.
fn with_bind(name: String, port: &GatewayPort) -> String {
    match port.bind.as_str() {
        names::WILDCARD => name,
        bind => format!("{name}.{bind}"),
    }
}

/// The virtual hosts of some servers: each host that a server and a VirtualService agree on. One that several VirtualServices speak
/// for gets all their routes, oldest first, those that catch everything at the end.
fn table(
    context: &Context<'_>,
    port: &GatewayPort,
    name: String,
    servers: &[&BoundServer],
) -> RouteConfiguration {
    let mut hosts: BTreeMap<String, VirtualHost> = BTreeMap::new();
    for bound in servers {
        add_virtual_services(context, bound, &mut hosts);
        if bound.server().tls.as_ref().is_some_and(|tls| tls.https_redirect) {
            for host in server_hosts(bound.server()) {
                hosts.entry(host.to_owned()).or_insert_with(|| named(host, bound.port)).require_tls =
                    TlsRequirementType::All as i32;
            }
        }
    }
    for host in hosts.values_mut() {
        host.routes.sort_by_key(routes::catches_all);
    }
    let mut hosts: Vec<VirtualHost> = hosts.into_values().collect();
    if hosts.is_empty() {
        hosts.push(VirtualHost {
            name: names::gateway_black_hole(port.number),
            domains: vec!["*".into()],
            ..Default::default()
        });
    }
    routes::configuration(name, hosts)
}

fn add_virtual_services(
    context: &Context<'_>,
    bound: &BoundServer,
    hosts: &mut BTreeMap<String, VirtualHost>,
) {
    let side = bound.side(context);
    let redirect = bound.server().tls.as_ref().is_some_and(|tls| tls.https_redirect);
    for resource in
        context.snapshot.virtual_services_for_gateway(&context.node.namespace, &bound.gateway_name)
    {
        if resource.spec.http.is_empty() {
            continue;
        }
        let routes = routes::of_virtual_service(context, &resource, side);
        for name in bound_hosts(bound.server(), &resource.meta.namespace, &resource.spec.hosts) {
            let host = hosts.entry(name.clone()).or_insert_with(|| named(&name, bound.port));
            for route in &routes {
                // Two servers of one Gateway may bring the same VirtualService.
                if !host.routes.contains(route) {
                    host.routes.push(route.clone());
                }
            }
            if redirect {
                host.require_tls = TlsRequirementType::All as i32;
            }
        }
    }
}

fn named(host: &str, port: u16) -> VirtualHost {
    VirtualHost {
        name: names::host_port(host, port),
        domains: vec![host.to_owned()],
        include_request_attempt_count: true,
        ..Default::default()
    }
}

fn manager(context: &Context<'_>, stat_prefix: &str, routes: Routes) -> Filter {
    connection_manager(Place::Gateway, stat_prefix, routes, &context.guards.http, &context.access_log)
}
