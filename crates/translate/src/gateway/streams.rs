//! Servers that look no further than TLS: passthrough by SNI, TLS with bytes inside, plain bytes.

use std::collections::BTreeSet;
use std::sync::Arc;

use carrick_model::Resource;
use carrick_model::resources::VirtualService;
use carrick_model::snapshot::bound_hosts;

use super::servers::BoundServer;
use super::{server_names, server_tls};
use crate::chains::{TLS, When, caused_by, chain, encrypted, guarded};
use crate::context::Context;
use crate::envoy::listener::{Filter, FilterChain};
use crate::l4;
use crate::rule;
use crate::tls::server_socket;

/// One chain for each TLS match of each VirtualService. Names that an older match of this port has taken make the whole match void.
pub fn passthrough(
    context: &Context<'_>,
    bound: &BoundServer,
    taken: &mut BTreeSet<String>,
) -> Vec<FilterChain> {
    let side = bound.side(context);
    let mut chains = Vec::new();
    for resource in admitted(context, bound) {
        for route in &resource.spec.tls {
            let Some(filter) = l4::to_destinations(context, &resource, &route.route, bound.port) else {
                continue;
            };
            for wanted in route.matches.iter().filter(|wanted| l4::tls_match_holds(wanted, side)) {
                if wanted.sni_hosts.iter().any(|name| taken.contains(name)) {
                    continue;
                }
                taken.extend(wanted.sni_hosts.iter().cloned());
                let any_name = wanted.sni_hosts.iter().any(|name| name == "*");
                let when = When {
                    server_names: if any_name { vec![] } else { wanted.sni_hosts.clone() },
                    // With names, only TLS can match. "Any name" must not come to mean plain text too, as it does in Istio.
                    transport: if any_name { TLS } else { "" },
                    ranges: l4::ranges(&wanted.destination_subnets),
                    ..Default::default()
                };
                chains.push(caused_by(
                    rule::config(&resource.meta.config_path()),
                    guarded(context, chain("", when, filter.clone())),
                ));
            }
        }
    }
    chains
}

/// TLS ends here; the bytes inside go where the first TCP route says.
pub fn terminated(context: &Context<'_>, bound: &BoundServer) -> Option<FilterChain> {
    let (filter, responsible) = tcp_filter(context, bound)?;
    let socket = server_socket(server_tls::of(bound.server().tls.as_ref()?, &[]));
    let when = When { server_names: server_names(bound), ..Default::default() };
    let one = guarded(context, chain("", when, filter));
    Some(encrypted(socket, caused_by(rule::config(&responsible), one)))
}

pub fn opaque(context: &Context<'_>, bound: &BoundServer) -> Option<FilterChain> {
    let (filter, responsible) = tcp_filter(context, bound)?;
    let one = guarded(context, chain("", When::default(), filter));
    Some(caused_by(rule::config(&responsible), one))
}

fn tcp_filter(context: &Context<'_>, bound: &BoundServer) -> Option<(Filter, String)> {
    let side = bound.side(context);
    admitted(context, bound).into_iter().find_map(|resource| {
        let mut routes = resource.spec.tcp.iter();
        let route = routes.find(|route| !l4::tcp_matches(route, side).is_empty())?;
        let filter = l4::to_destinations(context, &resource, &route.route, bound.port)?;
        Some((filter, resource.meta.config_path()))
    })
}

/// VirtualServices of this Gateway with a host that overlaps one of the server's. Their SNI hosts are then used as they stand.
fn admitted(context: &Context<'_>, bound: &BoundServer) -> Vec<Arc<Resource<VirtualService>>> {
    let mut all = context.snapshot.virtual_services_for_gateway(&context.node.namespace, &bound.gateway_name);
    all.retain(|resource| {
        !bound_hosts(bound.server(), &resource.meta.namespace, &resource.spec.hosts).is_empty()
    });
    all
}
