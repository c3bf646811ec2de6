//! Outbound TLS that the sidecar passes on unopened: a VirtualService's `tls` routes, or straight
//! to the service (`pilot/pkg/networking/core/tls.go`, `buildSidecarOutboundTLSFilterChainOpts`).

use carrick_model::snapshot::{Service, ServicePort};

use crate::chains::{When, caused_by, chain};
use crate::context::Context;
use crate::envoy::core::CidrRange;
use crate::envoy::listener::FilterChain;
use crate::l4;
use crate::rule;

/// The chains for one TLS port. `by_name_only`: the listener is shared with other services, so only
/// the server name tells them apart.
pub(super) fn chains(
    context: &Context<'_>,
    service: &Service,
    port: &ServicePort,
    ranges: Vec<CidrRange>,
    by_name_only: bool,
) -> Vec<FilterChain> {
    let routed = routed(context, service, port, &ranges);
    if !routed.is_empty() {
        return routed;
    }
    let filter = l4::to_service(context, service, port);
    let server_names = if by_name_only { server_names(&service.host) } else { vec![] };
    let when = When { ranges, server_names, ..Default::default() };
    vec![caused_by(rule::config(&service.meta.config_path()), chain("", when, filter))]
}

fn routed(
    context: &Context<'_>,
    service: &Service,
    port: &ServicePort,
    ranges: &[CidrRange],
) -> Vec<FilterChain> {
    let Some(resource) = context.rule_for(&service.host, port.number) else { return vec![] };
    let side = context.in_mesh(port.number);
    let mut chains = Vec::new();
    for route in &resource.spec.tls {
        let Some(filter) = l4::to_destinations(context, resource, &route.route, port.number) else {
            continue;
        };
        for wanted in route.matches.iter().filter(|wanted| side.admits_tls(wanted)) {
            let subnets = match wanted.destination_subnets.is_empty() {
                true => ranges.to_vec(),
                false => l4::ranges(&wanted.destination_subnets),
            };
            let when = When { ranges: subnets, server_names: wanted.sni_hosts.clone(), ..Default::default() };
            chains
                .push(caused_by(rule::config(&resource.meta.config_path()), chain("", when, filter.clone())));
        }
    }
    chains
}

/// Envoy takes no bare `*`: any name is no condition.
fn server_names(host: &str) -> Vec<String> {
    if host == "*" { vec![] } else { vec![host.to_owned()] }
}
