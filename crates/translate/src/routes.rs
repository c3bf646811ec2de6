//! HTTP routes: a VirtualService's rules, and the one route that a service has without any
//! (`pilot/pkg/networking/core/route/route.go`; semantics document, sections 6 and 9). It must not
//! know listeners.

mod action;
mod cors;
mod fault;
mod hash;
mod headers;
mod matching;
mod mesh_mark;
mod retry;

use std::collections::BTreeMap;

use carrick_model::Resource;
use carrick_model::resources::{HttpMatchRequest, HttpRoute, VirtualService};
use carrick_model::snapshot::{MatchContext, Service, ServicePort};

use crate::context::Context;
use crate::envoy::any;
use crate::envoy::route::route_action::ClusterSpecifier;
use crate::envoy::route::{
    Decorator, Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost, route,
    route_match::PathSpecifier,
};
use crate::filters::http::{ALPN, CORS, FAULT};
use crate::names;
use crate::rule;
use carrick_xds::pb::envoy::r#type::v3::{FractionalPercent, fractional_percent::DenominatorType};

pub(crate) use matching::catches_all;
pub(crate) use retry::{default_policy, inbound_policy};

/// The routes of a VirtualService, in order; they end with the first that catches everything.
pub(crate) fn virtual_service_routes(
    context: &Context<'_>,
    resource: &Resource<VirtualService>,
    side: MatchContext<'_>,
) -> Vec<Route> {
    let mut routes = Vec::new();
    let metadata = rule::config(&resource.meta.config_path());
    for http in &resource.spec.http {
        for condition in conditions(http) {
            if condition.is_some_and(|condition| !side.admits_http(condition)) {
                continue;
            }
            let Some(action) = action::action(context, http, side.port) else { continue };
            let mut route = Route {
                name: route_name(http, condition),
                r#match: Some(matching::route_match(condition)),
                metadata: Some(metadata.clone()),
                action: Some(action),
                decorator: decorator(context, http, side.port),
                ..Default::default()
            };
            headers::apply(http.headers.as_ref(), &mut route);
            route.typed_per_filter_config = for_filters(context, http, side.port);
            route.stat_prefix = condition.map(|condition| condition.stat_prefix.clone()).unwrap_or_default();
            let catches_all = catches_all(&route);
            routes.push(route);
            if catches_all {
                return routes;
            }
        }
    }
    routes
}

/// What the rule tells filters that stand in every connection manager.
fn for_filters(context: &Context<'_>, http: &HttpRoute, called: u16) -> BTreeMap<String, prost_types::Any> {
    let shares = crate::destination::with_share(&http.route, |to| to.weight);
    let destinations: Vec<_> = shares.into_iter().filter_map(|to| to.destination.as_ref()).collect();
    let mark =
        mesh_mark::shared_mark(context, &destinations, called).map(|mark| (ALPN.to_owned(), any(&mark)));
    let fault = http.fault.as_ref().and_then(fault::http_fault).map(|fault| (FAULT.to_owned(), any(&fault)));
    let cors = http.cors_policy.as_ref().map(|policy| (CORS.to_owned(), any(&cors::cors_policy(policy))));
    fault.into_iter().chain(cors).chain(mark).collect()
}

/// Percent in millionths, as precise as Istio is.
fn fraction(percent: f64) -> FractionalPercent {
    let numerator = (percent.clamp(0.0, 100.0) * 10_000.0).round() as u32;
    FractionalPercent { numerator, denominator: DenominatorType::Million as i32 }
}

/// The alternatives of a rule; without any, it always holds.
fn conditions(http: &HttpRoute) -> impl Iterator<Item = Option<&HttpMatchRequest>> {
    let always = http.matches.is_empty().then_some(None);
    http.matches.iter().map(Some).chain(always)
}

/// `rule.match` (`routeName` in Istio: the names of both, where written).
fn route_name(http: &HttpRoute, condition: Option<&HttpMatchRequest>) -> String {
    let condition = condition.map_or("", |condition| condition.name.as_str());
    match (http.name.as_str(), condition) {
        (rule, "") => rule.to_owned(),
        ("", condition) => condition.to_owned(),
        (rule, condition) => format!("{rule}.{condition}"),
    }
}

/// What the route is called in traces: its first destination. Redirects and answers have none.
fn decorator(context: &Context<'_>, http: &HttpRoute, called: u16) -> Option<Decorator> {
    let first = http.route.first()?.destination.as_ref()?;
    let port = crate::destination::port(context, first, called);
    Some(Decorator { operation: format!("{}/*", names::host_port(&first.host, port)), ..Default::default() })
}

/// The route of a service that no VirtualService speaks about.
pub(crate) fn default_route(context: &Context<'_>, service: &Service, port: &ServicePort) -> Route {
    let cluster = names::outbound_cluster(port.number, "", &service.host);
    let action = RouteAction {
        cluster_specifier: Some(ClusterSpecifier::Cluster(cluster)),
        timeout: Some(Default::default()),
        retry_policy: Some(default_policy()),
        hash_policy: hash::hash_policies(context, service, port.number, ""),
        ..Default::default()
    };
    let mut route = to_everything(
        "default",
        action,
        Some(&service.meta.config_path()),
        &names::host_port(&service.host, port.number),
    );
    if mesh_mark::is_undeclared(context, service, port.number, "") {
        route.typed_per_filter_config.insert(ALPN.to_owned(), any(&mesh_mark::mark()));
    }
    route
}

/// A route that takes every request, with its responsible resource and its telemetry name.
pub(crate) fn to_everything(
    name: &str,
    action: RouteAction,
    config_path: Option<&str>,
    host_port: &str,
) -> Route {
    Route {
        name: name.into(),
        r#match: Some(everything()),
        metadata: config_path.map(rule::config),
        decorator: Some(Decorator { operation: format!("{host_port}/*"), ..Default::default() }),
        action: Some(route::Action::Route(action)),
        ..Default::default()
    }
}

pub(crate) fn everything() -> RouteMatch {
    RouteMatch { path_specifier: Some(PathSpecifier::Prefix("/".into())), ..Default::default() }
}

/// A route configuration with Istio's settings: hosts match whatever the port, clusters may come
/// later, bodies of direct responses may be up to 1 MiB.
pub(crate) fn configuration(name: String, virtual_hosts: Vec<VirtualHost>) -> RouteConfiguration {
    RouteConfiguration {
        name,
        virtual_hosts,
        validate_clusters: Some(false),
        ignore_port_in_host_matching: true,
        max_direct_response_body_size_bytes: Some(1 << 20),
        ..Default::default()
    }
}
