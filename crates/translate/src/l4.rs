//! TLS and TCP routes of VirtualServices: which bytes go where, without a look inside (`pilot/pkg/networking/core/tls.go`,
//! `networkfilter.go`; semantics document, section 9). It must not know whether a sidecar or a gateway asks.

use std::collections::BTreeMap;

use carrick_model::resources::{
    L4MatchAttributes, RouteDestination, TcpRoute, TlsMatchAttributes, VirtualService, labels_match,
};
use carrick_model::{Cidr, Resource};

use crate::address;
use crate::context::Context;
use crate::destination;
use crate::envoy::core::CidrRange;
use crate::envoy::listener::Filter;
use crate::filters;
use crate::routes::Side;

/// Sends bytes to a route's destinations. Statistics are named after the only cluster, or after the rule.
pub fn to_destinations(
    context: &Context<'_>,
    resource: &Resource<VirtualService>,
    route: &[RouteDestination],
    called: u16,
) -> Option<Filter> {
    let clusters: Vec<(String, u32)> = destination::with_share(route, |to| to.weight)
        .into_iter()
        .filter_map(|to| Some((destination::cluster(context, to.destination.as_ref()?, called), to.weight)))
        .collect();
    let rule = format!("{}.{}", resource.meta.name, resource.meta.namespace);
    (!clusters.is_empty()).then(|| filters::tcp::to_weighted(&rule, &clusters, &context.access_log))
}

/// Whether a TLS match holds on this side. Unlike for HTTP, gateways and sources must both agree.
pub fn tls_match_holds(wanted: &TlsMatchAttributes, side: Side<'_>) -> bool {
    holds(wanted.port, &wanted.gateways, &wanted.source_labels, &wanted.source_namespace, side)
}

/// The first alternative of a TCP route that holds on this side: `Some(None)` if the route has none and so always holds.
pub fn tcp_matches<'a>(route: &'a TcpRoute, side: Side<'_>) -> Vec<Option<&'a L4MatchAttributes>> {
    if route.matches.is_empty() {
        return vec![None];
    }
    let holding = route.matches.iter().filter(|wanted| {
        holds(wanted.port, &wanted.gateways, &wanted.source_labels, &wanted.source_namespace, side)
    });
    holding.map(Some).collect()
}

fn holds(
    port: Option<u16>,
    gateways: &[String],
    labels: &BTreeMap<String, String>,
    namespace: &str,
    side: Side<'_>,
) -> bool {
    port.is_none_or(|port| port == side.port)
        && (gateways.is_empty() || gateways.iter().any(|gateway| gateway == side.gateway))
        && labels_match(labels, side.labels)
        && (namespace.is_empty() || namespace == side.namespace)
}

/// Written subnets as ranges; the model has checked that they are some.
pub fn ranges(subnets: &[String]) -> Vec<CidrRange> {
    subnets.iter().filter_map(|text| text.parse().ok()).map(range).collect()
}

pub fn range(cidr: Cidr) -> CidrRange {
    address::range(cidr.address(), cidr.prefix())
}
