//! The connection manager's list of HTTP filters from protobuf. What Carrick does not run is
//! refused.
//!
//! It must not know about routes.

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::extensions::filters::http::cors::v3::Cors;
use carrick_xds::pb::envoy::extensions::filters::http::fault::v3::HttpFault;
use carrick_xds::pb::envoy::extensions::filters::http::grpc_stats::v3::FilterConfig as GrpcStats;
use carrick_xds::pb::envoy::extensions::filters::http::rbac::v3::Rbac as RbacPb;
use carrick_xds::pb::envoy::extensions::filters::http::router::v3::Router;
use carrick_xds::pb::envoy::extensions::filters::http::set_filter_state::v3::Config as SetFilterState;
use carrick_xds::pb::envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter;
use carrick_xds::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_filter::ConfigType;
use prost_types::Any;

use crate::config::typed::decode_if;
use crate::http::filters::{Fault, Filter, FilterKind, Rbac, alpn};

/// What the filters ask of the connection manager.
#[derive(Debug, Default)]
pub(super) struct Filters {
    pub(super) suppress_envoy_headers: bool,
    pub(super) before_router: Vec<Filter>,
}

enum One {
    Router {
        suppress_envoy_headers: bool,
    },
    BeforeRouter(FilterKind),
    /// Accepted, and without effect.
    Nothing,
}

/// The router must be there, and last.
pub(super) fn convert(filters: &[HttpFilter]) -> Result<Filters, FieldError> {
    let mut before_router = Vec::new();
    for (index, filter) in filters.iter().enumerate() {
        let place = |error: FieldError| error.within(format!("http_filters[{index}]"));
        match one(filter).map_err(place)? {
            One::Nothing => {}
            One::BeforeRouter(kind) => before_router.push(Filter { name: filter.name.clone(), kind }),
            One::Router { .. } if index + 1 < filters.len() => {
                let error = FieldError::new("", "no filter can follow the router");
                return Err(error.within(format!("http_filters[{}]", index + 1)));
            }
            One::Router { suppress_envoy_headers } => {
                return Ok(Filters { suppress_envoy_headers, before_router });
            }
        }
    }
    Err(FieldError::new("http_filters", "the last filter must be envoy.filters.http.router"))
}

fn one(pb: &HttpFilter) -> Result<One, FieldError> {
    let HttpFilter { name, is_optional, disabled, config_type } = pb;
    if *disabled {
        // A route could enable it, but such a route is refused.
        return Ok(One::Nothing);
    }
    let any = match config_type {
        Some(ConfigType::TypedConfig(any)) => any,
        Some(ConfigType::ConfigDiscovery(_)) => {
            return Err(FieldError::new("config_discovery", "is not supported"));
        }
        None => return Err(FieldError::new("typed_config", "is required")),
    };
    let kind = of_type(any).map_err(|error| error.within("typed_config"))?;
    match kind {
        Some(kind) => Ok(kind),
        None if *is_optional => Ok(One::Nothing),
        None => {
            let reason = format!("HTTP filter {name} ({}) is not supported", any.type_url);
            Err(FieldError::new("typed_config", reason))
        }
    }
}

/// `None` if Carrick has no such filter.
fn of_type(any: &Any) -> Result<Option<One>, FieldError> {
    if let Some(pb) = decode_if::<Router>(any)? {
        return router(&pb).map(Some);
    }
    // Counts gRPC calls for statistics that Carrick does not keep.
    if decode_if::<GrpcStats>(any)?.is_some() {
        return Ok(Some(One::Nothing));
    }
    if let Some(pb) = decode_if::<SetFilterState>(any)? {
        return Ok(Some(One::BeforeRouter(FilterKind::Alpn(alpn::from_proto(&pb)?))));
    }
    let kind = if decode_if::<Cors>(any)?.is_some() {
        FilterKind::Cors
    } else if let Some(pb) = decode_if::<HttpFault>(any)? {
        FilterKind::Fault(Fault::from_proto(&pb)?)
    } else if let Some(pb) = decode_if::<RbacPb>(any)? {
        FilterKind::Rbac(Rbac::from_proto(&pb)?)
    } else {
        return Ok(None);
    };
    Ok(Some(One::BeforeRouter(kind)))
}

fn router(pb: &Router) -> Result<One, FieldError> {
    let Router {
        // Statistics that are not kept.
        dynamic_stats: _,
        suppress_grpc_request_failure_code_stats: _,
        // About traces, which Carrick does not make.
        start_child_span: _,
        upstream_log,
        upstream_log_options: _,
        suppress_envoy_headers,
        strict_check_headers,
        respect_expected_rq_timeout,
        upstream_http_filters,
        // CONNECT is refused at all times.
        reject_connect_request_early_data: _,
    } = pb;
    let refused = |field: &str| Err(FieldError::new(field, "is not supported"));
    if !upstream_log.is_empty() {
        return refused("upstream_log");
    }
    if !strict_check_headers.is_empty() {
        return refused("strict_check_headers");
    }
    if *respect_expected_rq_timeout {
        return refused("respect_expected_rq_timeout");
    }
    if !upstream_http_filters.is_empty() {
        return refused("upstream_http_filters");
    }
    Ok(One::Router { suppress_envoy_headers: *suppress_envoy_headers })
}
