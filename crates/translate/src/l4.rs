//! TLS and TCP routes of VirtualServices: which bytes go where, without a look inside
//! (`pilot/pkg/networking/core/tls.go`, `networkfilter.go`; semantics document, section 9). It must
//! not know whether a sidecar or a gateway asks.

use carrick_model::resources::{L4MatchAttributes, RouteDestination, TcpRoute, VirtualService};
use carrick_model::snapshot::{MatchContext, Service, ServicePort};
use carrick_model::{Cidr, Resource};

use crate::address;
use crate::context::Context;
use crate::destination;
use crate::envoy::core::CidrRange;
use crate::envoy::listener::Filter;
use crate::filters;
use crate::filters::tcp::Options;
use crate::names::outbound_cluster;

/// Sends bytes to a route's destinations. Statistics are named after the only cluster, or after the
/// rule.
pub(crate) fn to_destinations(
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
    let first = route.first()?.destination.as_ref()?;
    let options = match context.service(&first.host) {
        Some(service) => options(context, service, destination::port(context, first, called), &first.subset),
        None => Default::default(),
    };
    (!clusters.is_empty()).then(|| filters::tcp::to_weighted(&rule, &clusters, &options, &context.access_log))
}

/// Sends bytes to a port of a service, as its DestinationRule wants it.
pub(crate) fn to_service(context: &Context<'_>, service: &Service, port: &ServicePort) -> Filter {
    let cluster = outbound_cluster(port.number, "", &service.host);
    let options = options(context, service, port.number, "");
    filters::tcp::to_destination(&cluster, &options, &context.access_log)
}

/// What the destination's rule says about single connections.
fn options(context: &Context<'_>, service: &Service, port: u16, subset: &str) -> Options {
    let Some(rule) = context.destination_rule(service) else { return Options::default() };
    let policy = rule.policy(port, (!subset.is_empty()).then_some(subset));
    let pool = policy.connection_pool.and_then(|pool| pool.tcp);
    let hash = policy.load_balancer.and_then(|balancer| balancer.consistent_hash);
    Options {
        idle_timeout: pool.and_then(|pool| pool.idle_timeout),
        by_source: hash.is_some_and(|hash| hash.use_source_ip),
    }
}

/// The alternatives of a TCP route that hold on this side; `None` stands for a route that has none
/// and so always holds.
pub(crate) fn tcp_matches<'a>(
    route: &'a TcpRoute,
    side: MatchContext<'_>,
) -> Vec<Option<&'a L4MatchAttributes>> {
    if route.matches.is_empty() {
        return vec![None];
    }
    route.matches.iter().filter(|wanted| side.admits_tcp(wanted)).map(Some).collect()
}

/// Written subnets as ranges; the model has checked that they are some.
pub(crate) fn ranges(subnets: &[String]) -> Vec<CidrRange> {
    subnets.iter().filter_map(|text| text.parse().ok()).map(range).collect()
}

pub(crate) fn range(cidr: Cidr) -> CidrRange {
    address::range(cidr.address(), cidr.prefix())
}
