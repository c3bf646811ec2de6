//! Servers that read HTTP, in the clear or after ending TLS, and their route tables
//! (`pilot/pkg/networking/core/gateway.go`, `buildGatewayHTTPRouteConfig`).

use std::collections::{BTreeMap, BTreeSet};

use carrick_model::resources::ServerTlsSettings;
use carrick_model::snapshot::{GatewayListener, GatewayServer, bound_hosts, server_hosts};

use super::{server_names, server_tls};
use crate::chains::{When, caused_by, chain, encrypted};
use crate::context::Context;
use crate::envoy::listener::{Filter, FilterChain};
use crate::envoy::route::virtual_host::TlsRequirementType;
use crate::envoy::route::{
    DirectResponseAction, Route, RouteConfiguration, RouteMatch, VirtualHost, route,
    route_match::PathSpecifier,
};
use crate::filters::http::{Place, Routes, connection_manager};
use crate::names;
use crate::routes;
use crate::rule;
use crate::tls::{ALPN_HTTP, server_socket};

/// All plain HTTP servers of a port share one chain.
pub(super) fn plain_chain(context: &Context<'_>, port: &GatewayListener) -> FilterChain {
    let stat_prefix = names::stat_name(&format!("outbound_{}", names::bound(&port.bind, port.port)));
    let routes = Routes::Discovered(plain_table(port));
    chain("", When::default(), manager(context, &stat_prefix, routes))
}

pub(super) fn plain_routes(context: &Context<'_>, port: &GatewayListener) -> RouteConfiguration {
    table(context, port, plain_table(port), &port.servers.iter().collect::<Vec<_>>())
}

/// Each HTTPS server has a chain of its own, by its names.
pub(super) fn tls_chain(
    context: &Context<'_>,
    port: &GatewayListener,
    server: &GatewayServer,
    tls: &ServerTlsSettings,
) -> FilterChain {
    let stat_prefix = match server.server().name.as_str() {
        "" => names::stat_name(&format!("outbound_{}", names::bound(&port.bind, port.port))),
        name => name.to_owned(),
    };
    let routes = Routes::Discovered(tls_table(port, server));
    let manager = manager(context, &stat_prefix, routes);
    let when = When { server_names: server_names(server), ..Default::default() };
    let one = caused_by(rule::config(&server.gateway.meta.config_path()), chain("", when, manager));
    encrypted(server_socket(server_tls::from_settings(tls, &ALPN_HTTP)), one)
}

pub(super) fn tls_routes(
    context: &Context<'_>,
    port: &GatewayListener,
    server: &GatewayServer,
) -> RouteConfiguration {
    let mut table = table(context, port, tls_table(port, server), &[server]);
    let hosts: BTreeSet<&str> = server_hosts(server.server()).collect();
    if !hosts.contains("*") {
        let is_everything = |host: &VirtualHost| host.domains.iter().any(|domain| domain == "*");
        table.virtual_hosts.retain(|host| !is_everything(host));
        let routed: BTreeSet<String> =
            table.virtual_hosts.iter().flat_map(|host| host.domains.iter().cloned()).collect();
        let unrouted = hosts.into_iter().filter(|host| !routed.contains(*host));
        table.virtual_hosts.extend(unrouted.map(|host| named(host, server.port)));
        table.virtual_hosts.push(misdirected(port.port));
    }
    table
}

/// Whoever has named one server in the TLS handshake and asks another: the connection is not for
/// that one (RFC 9110 section 15.5.20), even if its port has a server for it, with a certificate
/// and clients of its own.
fn misdirected(port: u16) -> VirtualHost {
    let refusal = DirectResponseAction { status: 421, ..Default::default() };
    let route = Route {
        name: "misdirected".into(),
        r#match: Some(RouteMatch {
            path_specifier: Some(PathSpecifier::Prefix("/".into())),
            ..Default::default()
        }),
        action: Some(route::Action::DirectResponse(refusal)),
        ..Default::default()
    };
    VirtualHost {
        name: names::gateway_misdirected(port),
        domains: vec!["*".into()],
        routes: vec![route],
        ..Default::default()
    }
}

fn plain_table(port: &GatewayListener) -> String {
    with_bind(names::gateway_http_route(port.port), port)
}

fn tls_table(port: &GatewayListener, server: &GatewayServer) -> String {
    let gateway = &server.gateway.meta;
    let name = names::gateway_https_route(server.port, &server.port_name, &gateway.name, &gateway.namespace);
    with_bind(name, port)
}

/// Ports on single addresses have tables of their own.
fn with_bind(name: String, port: &GatewayListener) -> String {
    match port.bind.as_str() {
        names::WILDCARD => name,
        bind => format!("{name}.{bind}"),
    }
}

/// The virtual hosts of some servers: each host that a server and a VirtualService agree on. One
/// that several VirtualServices speak for gets all their routes, oldest first, those that catch
/// everything at the end.
fn table(
    context: &Context<'_>,
    port: &GatewayListener,
    name: String,
    servers: &[&GatewayServer],
) -> RouteConfiguration {
    let mut hosts: BTreeMap<String, VirtualHost> = BTreeMap::new();
    for server in servers {
        add_virtual_services(context, server, &mut hosts);
        if server.server().tls.as_ref().is_some_and(|tls| tls.https_redirect) {
            for host in server_hosts(server.server()) {
                hosts.entry(host.to_owned()).or_insert_with(|| named(host, server.port)).require_tls =
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
            name: names::gateway_black_hole(port.port),
            domains: vec!["*".into()],
            ..Default::default()
        });
    }
    routes::configuration(name, hosts)
}

fn add_virtual_services(
    context: &Context<'_>,
    server: &GatewayServer,
    hosts: &mut BTreeMap<String, VirtualHost>,
) {
    let side = server.match_context(context.gateway_proxy());
    let redirect = server.server().tls.as_ref().is_some_and(|tls| tls.https_redirect);
    for resource in context.snapshot.virtual_services_at(context.gateway_proxy(), server) {
        if resource.spec.http.is_empty() {
            continue;
        }
        let routes = routes::virtual_service_routes(context, &resource, side);
        for name in bound_hosts(server.server(), &resource.meta.namespace, &resource.spec.hosts) {
            let host = hosts.entry(name.clone()).or_insert_with(|| named(&name, server.port));
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
