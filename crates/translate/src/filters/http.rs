//! The HTTP connection manager as Istio sets it up, for the three places where Istio terminates
//! HTTP.

use prost::Name;

use crate::envoy::accesslog::AccessLog;
use crate::envoy::hcm::http_connection_manager::{
    ForwardClientCertDetails, RouteSpecifier, SetCurrentClientCertDetails, UpgradeConfig,
};
use crate::envoy::hcm::{HttpConnectionManager, HttpFilter, Rds, http_filter};
use crate::envoy::listener::Filter;
use crate::envoy::route::RouteConfiguration;
use crate::envoy::{any, hcm};
use carrick_xds::pb::envoy::extensions::filters::http::{
    cors::v3::Cors,
    fault::v3::HttpFault,
    grpc_stats::v3::{FilterConfig, filter_config::PerMethodStatSpecifier},
    router::v3::Router,
    set_filter_state::v3::Config as SetFilterState,
};

/// The names by which routes configure these filters.
pub(crate) const ALPN: &str = "envoy.filters.http.set_filter_state";
pub(crate) const FAULT: &str = "envoy.filters.http.fault";
pub(crate) const CORS: &str = "envoy.filters.http.cors";

/// Where HTTP is terminated; trust in what the peer says about itself differs
/// (`pilot/pkg/networking/core/listener.go`, `listener_inbound.go`, `gateway.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A sidecar, towards its own application.
    Outbound,
    /// A sidecar, from the mesh: it says who the client is, after what former proxies said (XFCC).
    Inbound,
    /// A sidecar, from another cluster, over a gateway that did not open the TLS: what the peer
    /// says about others is dropped, since it belongs to another trust domain.
    Border,
    /// A gateway: it is an edge, so what the peer claims is replaced by what is seen.
    Gateway,
}

pub(crate) enum Routes {
    /// By name, over ADS.
    Discovered(String),
    Inline(Box<RouteConfiguration>),
}

/// `guards` come before everything else. Marks, faults and CORS wait for what routes say about them
/// (`typed_per_filter_config`).
pub(crate) fn connection_manager(
    place: Place,
    stat_prefix: &str,
    routes: Routes,
    guards: &[HttpFilter],
    access_log: &[AccessLog],
) -> Filter {
    let route_specifier = match routes {
        Routes::Discovered(route_config_name) => {
            RouteSpecifier::Rds(Rds { route_config_name, config_source: Some(super::ads()) })
        }
        Routes::Inline(config) => RouteSpecifier::RouteConfig(*config),
    };
    let config = HttpConnectionManager {
        stat_prefix: stat_prefix.into(),
        http_filters: http_filters(place, guards),
        // Streams may be silent for long (server-sent events, gRPC watches); Istio sets no limit.
        stream_idle_timeout: Some(Default::default()),
        use_remote_address: Some(place == Place::Gateway),
        forward_client_cert_details: forward_client_cert(place) as i32,
        set_current_client_cert_details: client_cert_details(place),
        upgrade_configs: vec![UpgradeConfig { upgrade_type: "websocket".into(), ..Default::default() }],
        normalize_path: Some(true),
        access_log: access_log.to_vec(),
        route_specifier: Some(route_specifier),
        ..Default::default()
    };
    super::network_filter("envoy.filters.network.http_connection_manager", &config)
}

fn forward_client_cert(place: Place) -> ForwardClientCertDetails {
    match place {
        Place::Outbound => ForwardClientCertDetails::Sanitize,
        Place::Inbound => ForwardClientCertDetails::AppendForward,
        Place::Border | Place::Gateway => ForwardClientCertDetails::SanitizeSet,
    }
}

fn client_cert_details(place: Place) -> Option<SetCurrentClientCertDetails> {
    let cert = match place {
        Place::Outbound => return None,
        Place::Inbound | Place::Border => false,
        Place::Gateway => true,
    };
    let details = hcm::http_connection_manager::SetCurrentClientCertDetails {
        subject: Some(true),
        cert,
        dns: true,
        uri: true,
        ..Default::default()
    };
    Some(details)
}

fn grpc_stats() -> HttpFilter {
    let config = FilterConfig {
        emit_filter_state: true,
        per_method_stat_specifier: Some(PerMethodStatSpecifier::StatsForAllMethods(false)),
        ..Default::default()
    };
    http_filter("envoy.filters.http.grpc_stats", &config)
}

/// In Istio's order. Only what calls others marks what it calls for.
fn http_filters(place: Place, guards: &[HttpFilter]) -> Vec<HttpFilter> {
    let mut filters = guards.to_vec();
    filters.push(grpc_stats());
    if matches!(place, Place::Outbound | Place::Gateway) {
        filters.push(http_filter(ALPN, &SetFilterState::default()));
    }
    filters.extend([fault(), cors(), router()]);
    filters
}

fn fault() -> HttpFilter {
    http_filter(FAULT, &HttpFault::default())
}

fn cors() -> HttpFilter {
    http_filter(CORS, &Cors::default())
}

fn router() -> HttpFilter {
    http_filter("envoy.filters.http.router", &Router::default())
}

pub(super) fn http_filter(name: &str, config: &impl Name) -> HttpFilter {
    HttpFilter {
        name: name.into(),
        config_type: Some(http_filter::ConfigType::TypedConfig(any(config))),
        ..Default::default()
    }
}
