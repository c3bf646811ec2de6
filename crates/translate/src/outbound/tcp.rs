//! Outbound bytes of no known kind: a VirtualService's `tcp` routes, or straight to the service
//! (`pilot/pkg/networking/core/tls.go`, `buildSidecarOutboundTCPFilterChainOpts`).

use carrick_model::snapshot::{Service, ServicePort};

use crate::chains::{When, caused_by, chain};
use crate::context::Context;
use crate::envoy::core::CidrRange;
use crate::envoy::listener::FilterChain;
use crate::l4;
use crate::rule;

/// The chains for one TCP port, `ranges` being those of the service. Routes for chosen subnets come
/// before, and the first route without any ends the search.
pub(super) fn chains(
    context: &Context<'_>,
    service: &Service,
    port: &ServicePort,
    ranges: &[CidrRange],
) -> Vec<FilterChain> {
    let mut chains = Vec::new();
    if let Some(resource) = context.rule_for(&service.host, port.number) {
        let side = context.in_mesh(port.number);
        let responsible = rule::config(&resource.meta.config_path());
        for route in &resource.spec.tcp {
            let holding = l4::tcp_matches(route, side);
            let Some(filter) = l4::to_destinations(context, resource, &route.route, port.number) else {
                continue;
            };
            let subnets: Vec<String> =
                holding.iter().flatten().flat_map(|wanted| wanted.destination_subnets.clone()).collect();
            let always = holding
                .iter()
                .any(|wanted| wanted.is_none_or(|wanted| wanted.destination_subnets.is_empty()));
            if !always && subnets.is_empty() {
                continue;
            }
            let ranges = if always { ranges.to_vec() } else { l4::ranges(&subnets) };
            let when = When { ranges, ..Default::default() };
            chains.push(caused_by(responsible.clone(), chain("", when, filter)));
            if always {
                return chains;
            }
        }
    }
    let filter = l4::to_service(context, service, port);
    let when = When { ranges: ranges.to_vec(), ..Default::default() };
    chains.push(caused_by(rule::config(&service.meta.config_path()), chain("", when, filter)));
    chains
}
