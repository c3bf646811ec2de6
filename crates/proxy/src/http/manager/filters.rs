//! HTTP filters: the router, and those that change nothing as they are configured. Others are refused.
//!
//! It must not know about routes.

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::extensions::filters::http::cors::v3::Cors;
use carrick_xds::pb::envoy::extensions::filters::http::fault::v3::HttpFault;
use carrick_xds::pb::envoy::extensions::filters::http::grpc_stats::v3::FilterConfig as GrpcStats;
use carrick_xds::pb::envoy::extensions::filters::http::rbac::v3::Rbac;
use carrick_xds::pb::envoy::extensions::filters::http::router::v3::Router;
use carrick_xds::pb::envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter;
use carrick_xds::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_filter::ConfigType;
use prost::{Message, Name};
use prost_types::Any;

/// What the filters ask of the connection manager.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Filters {
    pub(super) suppress_envoy_headers: bool,
}

/// The router must be there, and last.
pub(super) fn convert(filters: &[HttpFilter]) -> Result<Filters, FieldError> {
    let mut router = None;
    for (index, filter) in filters.iter().enumerate() {
        let place = |error: FieldError| error.within(format!("http_filters[{index}]"));
        if router.is_some() {
            return Err(place(FieldError::new("", "no filter can follow the router")));
        }
        router = one(filter).map_err(place)?;
    }
    router.ok_or_else(|| FieldError::new("http_filters", "the last filter must be envoy.filters.http.router"))
}

/// Something for the router, nothing for a filter without effect.
fn one(pb: &HttpFilter) -> Result<Option<Filters>, FieldError> {
    let HttpFilter { name, is_optional, disabled, config_type } = pb;
    if *disabled {
        // A route could enable it, but per-route filter configuration is refused.
        return Ok(None);
    }
    let any = match config_type {
        Some(ConfigType::TypedConfig(any)) => any,
        Some(ConfigType::ConfigDiscovery(_)) => {
            return Err(FieldError::new("config_discovery", "is not supported"));
        }
        None => return Err(FieldError::new("typed_config", "is required")),
    };
    let place = |error: FieldError| error.within("typed_config");
    if let Some(pb) = decode::<Router>(any).map_err(place)? {
        return router(&pb).map(Some).map_err(place);
    }
    let known = has_no_effect(any).map_err(place)?;
    if !known && !is_optional {
        return Err(place(FieldError::new(
            "",
            format!("HTTP filter {name} ({}) is not supported", any.type_url),
        )));
    }
    Ok(None)
}

fn has_no_effect(any: &Any) -> Result<bool, FieldError> {
    // Counts gRPC calls for statistics that Carrick does not keep.
    if decode::<GrpcStats>(any)?.is_some() {
        return Ok(true);
    }
    // Obeys policies of routes, and those are refused.
    if decode::<Cors>(any)?.is_some() {
        return Ok(true);
    }
    if let Some(fault) = decode::<HttpFault>(any)? {
        return match fault == HttpFault::default() {
            true => Ok(true),
            false => Err(FieldError::new("", "fault injection is not supported")),
        };
    }
    if let Some(rbac) = decode::<Rbac>(any)? {
        return match rbac == Rbac::default() {
            true => Ok(true),
            false => Err(FieldError::new("", "role-based access control is not supported")),
        };
    }
    Ok(false)
}

fn decode<M: Message + Name + Default>(any: &Any) -> Result<Option<M>, FieldError> {
    if any.type_url.rsplit('/').next() != Some(M::full_name().as_str()) {
        return Ok(None);
    }
    let decoded = M::decode(any.value.as_slice());
    decoded.map(Some).map_err(|error| FieldError::new("", format!("is not a valid {}: {error}", M::NAME)))
}

fn router(pb: &Router) -> Result<Filters, FieldError> {
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
    Ok(Filters { suppress_envoy_headers: *suppress_envoy_headers })
}
