//! The connection manager from protobuf. Every field is looked at: obeyed, without effect here, or
//! refused.
//!
//! It must not know how connections are served.

use std::sync::Arc;
use std::time::Duration;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::extensions::filters::network::http_connection_manager::v3 as pb;
use carrick_xds::pb::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
use carrick_xds::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::{
    CodecType, ForwardClientCertDetails, HcmAccessLogOptions, InternalAddressConfig, PathWithEscapedSlashesAction,
    RouteSpecifier, ServerHeaderTransformation, SetCurrentClientCertDetails, StripPortMode, UpgradeConfig,
};
use http::HeaderValue;

use super::protocol::{Codec, Http1Options, Http2Options, common};
use super::{
    ClientPolicy, HostPolicy, HttpManager, RouteSource, ServerHeader, StripPort, filters, unless_zero,
};
use crate::access_log::{AccessLog, WantedHeaders};
use crate::config::{duration, optional_duration};
use crate::http::RouteTable;
use crate::http::path::{EscapedSlashes, PathPolicy};
use crate::http::xfcc::{CertDetails, ForwardClientCert, XfccPolicy};

/// Envoy's default for `stream_idle_timeout`.
const STREAM_IDLE: Duration = Duration::from_secs(300);
/// Envoy's default for `max_request_headers_kb`.
const MAX_HEADER_KB: u32 = 60;
/// Envoy's default for `server_name`.
const SERVER_NAME: &str = "envoy";

fn refuse_if(set: bool, field: &str) -> Result<(), FieldError> {
    if set { Err(FieldError::new(field, "is not supported")) } else { Ok(()) }
}

impl HttpManager {
    /// Refuses what is not implemented, by field path.
    pub fn from_proto(pb: &HttpConnectionManager) -> Result<Self, FieldError> {
        let HttpConnectionManager {
            codec_type,
            stat_prefix,
            http_filters,
            add_user_agent,
            tracing,
            common_http_protocol_options,
            // Says how a connection of maximal age ends; Carrick always ends it with the next
            // response.
            http1_safe_max_connection_duration: _,
            http_protocol_options,
            http2_protocol_options,
            http3_protocol_options,
            server_name,
            server_header_transformation,
            scheme_header_transformation,
            max_request_headers_kb,
            stream_idle_timeout,
            stream_flush_timeout,
            request_timeout,
            request_headers_timeout,
            // Draining lasts as long as the listener manager lets it.
            drain_timeout: _,
            drain_timeout_jitter: _,
            delayed_close_timeout: _,
            access_log,
            access_log_flush_interval,
            flush_access_log_on_new_request,
            access_log_options,
            use_remote_address,
            xff_num_trusted_hops,
            original_ip_detection_extensions,
            early_header_mutation_extensions,
            internal_address_config,
            skip_xff_append,
            via,
            generate_request_id,
            preserve_external_request_id,
            always_set_request_id_in_response,
            forward_client_cert_details,
            set_current_client_cert_details,
            forward_client_cert_matcher,
            proxy_100_continue,
            represent_ipv4_remote_address_as_ipv4_mapped_ipv6,
            upgrade_configs,
            normalize_path,
            merge_slashes,
            path_with_escaped_slashes_action,
            request_id_extension,
            local_reply_config,
            strip_matching_host_port,
            // An invalid message always ends its connection (HTTP/1.1) or stream (HTTP/2).
            stream_error_on_invalid_http_message: _,
            path_normalization_options,
            strip_trailing_host_dot,
            proxy_status_config,
            typed_header_validation_config,
            append_x_forwarded_port,
            append_local_overload,
            // Tells filters about PROXY protocol; none of ours asks.
            add_proxy_protocol_connection_state: _,
            forward_proto_config,
            route_specifier,
            strip_port_mode,
        } = pb;
        refuse_if(*add_user_agent == Some(true), "add_user_agent")?;
        refuse_if(tracing.is_some(), "tracing")?;
        refuse_if(http3_protocol_options.is_some(), "http3_protocol_options")?;
        refuse_if(scheme_header_transformation.is_some(), "scheme_header_transformation")?;
        refuse_if(stream_flush_timeout.is_some(), "stream_flush_timeout")?;
        refuse_if(access_log_flush_interval.is_some(), "access_log_flush_interval")?;
        refuse_if(*flush_access_log_on_new_request, "flush_access_log_on_new_request")?;
        refuse_log_options(access_log_options.as_ref())?;
        refuse_if(!original_ip_detection_extensions.is_empty(), "original_ip_detection_extensions")?;
        refuse_if(!early_header_mutation_extensions.is_empty(), "early_header_mutation_extensions")?;
        refuse_internal_addresses(internal_address_config.as_ref())?;
        refuse_if(forward_client_cert_matcher.is_some(), "forward_client_cert_matcher")?;
        refuse_if(*proxy_100_continue, "proxy_100_continue")?;
        refuse_if(
            *represent_ipv4_remote_address_as_ipv4_mapped_ipv6,
            "represent_ipv4_remote_address_as_ipv4_mapped_ipv6",
        )?;
        refuse_if(request_id_extension.is_some(), "request_id_extension")?;
        refuse_if(local_reply_config.is_some(), "local_reply_config")?;
        refuse_if(path_normalization_options.is_some(), "path_normalization_options")?;
        refuse_if(proxy_status_config.is_some(), "proxy_status_config")?;
        refuse_if(typed_header_validation_config.is_some(), "typed_header_validation_config")?;
        refuse_if(*append_x_forwarded_port, "append_x_forwarded_port")?;
        refuse_if(*append_local_overload, "append_local_overload")?;
        refuse_if(forward_proto_config.is_some(), "forward_proto_config")?;

        let filters = filters::convert(http_filters)?;
        let (mut limits, underscores) = common(&(*common_http_protocol_options).unwrap_or_default())
            .map_err(|error| error.within("common_http_protocol_options"))?;
        limits.max_header_bytes = max_request_headers_kb.unwrap_or(MAX_HEADER_KB).saturating_mul(1024);
        limits.stream_idle =
            unless_zero(duration(stream_idle_timeout.as_ref(), "stream_idle_timeout", STREAM_IDLE)?);
        limits.request =
            optional_duration(request_timeout.as_ref(), "request_timeout")?.and_then(unless_zero);
        limits.request_headers =
            optional_duration(request_headers_timeout.as_ref(), "request_headers_timeout")?
                .and_then(unless_zero);
        let access_logs = AccessLog::several(access_log)?;
        let mut wanted = WantedHeaders::default();
        access_logs.iter().for_each(|log| log.want(&mut wanted));
        Ok(Self {
            stat_prefix: stat_prefix.clone(),
            routes: routes(route_specifier.as_ref())?,
            codec: codec(*codec_type)?,
            http1: Http1Options::from_proto(&http_protocol_options.clone().unwrap_or_default())
                .map_err(|error| error.within("http_protocol_options"))?,
            http2: Http2Options::from_proto(&http2_protocol_options.clone().unwrap_or_default())
                .map_err(|error| error.within("http2_protocol_options"))?,
            limits,
            client: ClientPolicy {
                use_remote_address: use_remote_address.unwrap_or(false),
                trusted_hops: *xff_num_trusted_hops,
                skip_xff_append: *skip_xff_append,
                generate_request_id: generate_request_id.unwrap_or(true),
                preserve_external_request_id: *preserve_external_request_id,
            },
            xfcc: xfcc(*forward_client_cert_details, set_current_client_cert_details.as_ref())?,
            path: PathPolicy {
                normalize: normalize_path.unwrap_or(false),
                merge_slashes: *merge_slashes,
                escaped_slashes: escaped_slashes(*path_with_escaped_slashes_action)?,
            },
            host: HostPolicy {
                strip: strip_port(*strip_matching_host_port, strip_port_mode.as_ref())?,
                strip_trailing_dot: *strip_trailing_host_dot,
            },
            underscores,
            server: server_header(server_name, *server_header_transformation)?,
            via: match via.as_str() {
                "" => None,
                via => Some(header_value(via, "via")?),
            },
            request_id_in_response: *always_set_request_id_in_response,
            suppress_envoy_headers: filters.suppress_envoy_headers,
            filters: filters.before_router,
            upgrades: upgrades(upgrade_configs)?,
            access_logs,
            wanted,
        })
    }
}

fn refuse_log_options(pb: Option<&HcmAccessLogOptions>) -> Result<(), FieldError> {
    refuse_if(pb.is_some_and(|pb| *pb != HcmAccessLogOptions::default()), "access_log_options")
}

/// Carrick regards no client as internal, which is Envoy's default too.
fn refuse_internal_addresses(pb: Option<&InternalAddressConfig>) -> Result<(), FieldError> {
    refuse_if(pb.is_some_and(|pb| *pb != InternalAddressConfig::default()), "internal_address_config")
}

fn routes(pb: Option<&RouteSpecifier>) -> Result<RouteSource, FieldError> {
    match pb {
        Some(RouteSpecifier::Rds(pb::Rds { config_source: _, route_config_name })) => {
            match route_config_name.is_empty() {
                true => Err(FieldError::new("rds.route_config_name", "is required")),
                false => Ok(RouteSource::Rds(route_config_name.clone())),
            }
        }
        Some(RouteSpecifier::RouteConfig(pb)) => {
            let table = RouteTable::from_proto(pb).map_err(|error| error.within("route_config"))?;
            Ok(RouteSource::Inline(Arc::new(table)))
        }
        Some(RouteSpecifier::ScopedRoutes(_)) => Err(FieldError::new("scoped_routes", "is not supported")),
        None => Err(FieldError::new("route_specifier", "is required: rds or route_config")),
    }
}

fn codec(value: i32) -> Result<Codec, FieldError> {
    match CodecType::try_from(value) {
        Ok(CodecType::Auto) => Ok(Codec::Auto),
        Ok(CodecType::Http1) => Ok(Codec::Http1),
        Ok(CodecType::Http2) => Ok(Codec::Http2),
        Ok(CodecType::Http3) => Err(FieldError::new("codec_type", "HTTP/3 is not supported")),
        Err(_) => Err(FieldError::new("codec_type", format!("unknown value {value}"))),
    }
}

fn xfcc(forward: i32, details: Option<&SetCurrentClientCertDetails>) -> Result<XfccPolicy, FieldError> {
    let forward = match ForwardClientCertDetails::try_from(forward) {
        Ok(ForwardClientCertDetails::Sanitize) => ForwardClientCert::Sanitize,
        Ok(ForwardClientCertDetails::ForwardOnly) => ForwardClientCert::ForwardOnly,
        Ok(ForwardClientCertDetails::AppendForward) => ForwardClientCert::AppendForward,
        Ok(ForwardClientCertDetails::SanitizeSet) => ForwardClientCert::SanitizeSet,
        Ok(ForwardClientCertDetails::AlwaysForwardOnly) => ForwardClientCert::AlwaysForwardOnly,
        Err(_) => {
            return Err(FieldError::new("forward_client_cert_details", format!("unknown value {forward}")));
        }
    };
    let Some(SetCurrentClientCertDetails { subject, cert, chain, dns, uri, issuer, format }) = details else {
        return Ok(XfccPolicy { forward, details: CertDetails::default() });
    };
    let place = |error: FieldError| error.within("set_current_client_cert_details");
    refuse_if(*chain, "chain").map_err(place)?;
    refuse_if(*issuer, "issuer").map_err(place)?;
    refuse_if(*format != 0, "format").map_err(place)?;
    let details = CertDetails { subject: subject.unwrap_or(false), cert: *cert, dns: *dns, uri: *uri };
    Ok(XfccPolicy { forward, details })
}

fn escaped_slashes(value: i32) -> Result<EscapedSlashes, FieldError> {
    match PathWithEscapedSlashesAction::try_from(value) {
        Ok(
            PathWithEscapedSlashesAction::ImplementationSpecificDefault
            | PathWithEscapedSlashesAction::KeepUnchanged,
        ) => Ok(EscapedSlashes::Keep),
        Ok(PathWithEscapedSlashesAction::RejectRequest) => Ok(EscapedSlashes::Reject),
        Ok(PathWithEscapedSlashesAction::UnescapeAndRedirect) => Ok(EscapedSlashes::Redirect),
        Ok(PathWithEscapedSlashesAction::UnescapeAndForward) => Ok(EscapedSlashes::Forward),
        Err(_) => Err(FieldError::new("path_with_escaped_slashes_action", format!("unknown value {value}"))),
    }
}

fn strip_port(matching: bool, mode: Option<&StripPortMode>) -> Result<StripPort, FieldError> {
    match (matching, mode) {
        (true, Some(StripPortMode::StripAnyHostPort(true))) => Err(FieldError::new(
            "strip_any_host_port",
            "cannot be given together with strip_matching_host_port",
        )),
        (true, _) => Ok(StripPort::Matching),
        (false, Some(StripPortMode::StripAnyHostPort(true))) => Ok(StripPort::Any),
        (false, _) => Ok(StripPort::None),
    }
}

fn server_header(name: &str, transformation: i32) -> Result<ServerHeader, FieldError> {
    let name = header_value(if name.is_empty() { SERVER_NAME } else { name }, "server_name")?;
    match ServerHeaderTransformation::try_from(transformation) {
        Ok(ServerHeaderTransformation::Overwrite) => Ok(ServerHeader::Overwrite(name)),
        Ok(ServerHeaderTransformation::AppendIfAbsent) => Ok(ServerHeader::AppendIfAbsent(name)),
        Ok(ServerHeaderTransformation::PassThrough) => Ok(ServerHeader::PassThrough),
        Err(_) => {
            Err(FieldError::new("server_header_transformation", format!("unknown value {transformation}")))
        }
    }
}

fn header_value(text: &str, field: &str) -> Result<HeaderValue, FieldError> {
    HeaderValue::from_str(text)
        .map_err(|_| FieldError::new(field, format!("{text:?} cannot be a header value")))
}

fn upgrades(configs: &[UpgradeConfig]) -> Result<Vec<(String, bool)>, FieldError> {
    let upgrade = |(index, config): (usize, &UpgradeConfig)| {
        let UpgradeConfig { upgrade_type, filters, enabled } = config;
        let field = |name: &str| format!("upgrade_configs[{index}].{name}");
        if !filters.is_empty() {
            return Err(FieldError::new(field("filters"), "is not supported"));
        }
        if upgrade_type.eq_ignore_ascii_case("CONNECT") || upgrade_type.eq_ignore_ascii_case("CONNECT-UDP") {
            return Err(FieldError::new(field("upgrade_type"), "CONNECT is not supported"));
        }
        Ok((upgrade_type.to_ascii_lowercase(), enabled.unwrap_or(true)))
    };
    configs.iter().enumerate().map(upgrade).collect()
}
