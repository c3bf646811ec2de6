//! How requests are sent to a cluster: HTTP version, pooling, and names taken from requests.

use std::time::Duration;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::cluster::v3::Cluster;
use carrick_xds::pb::envoy::config::core::v3::{
    Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions as CommonOptions,
    UpstreamHttpProtocolOptions,
};
use carrick_xds::pb::envoy::extensions::upstreams::http::v3::HttpProtocolOptions;
use carrick_xds::pb::envoy::extensions::upstreams::http::v3::http_protocol_options::explicit_http_config::ProtocolConfig;
use carrick_xds::pb::envoy::extensions::upstreams::http::v3::http_protocol_options::{
    ExplicitHttpConfig, UpstreamProtocolOptions, UseDownstreamHttpConfig,
};

use crate::config::optional_duration;
use crate::config::refuse::refuse;
use crate::config::typed::decode;

/// How requests are sent to a cluster's hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamHttp {
    Http1,
    Http2,
    /// The version that the client spoke to us (`use_downstream_protocol_config`).
    SameAsDownstream,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamHttpOptions {
    pub version: UpstreamHttp,
    /// A pooled connection without requests is closed after this; `None`: never.
    pub idle_timeout: Option<Duration>,
    pub max_requests_per_connection: Option<u32>,
    /// HTTP/2: streams at once on one connection.
    pub max_concurrent_streams: Option<u32>,
    pub initial_stream_window_size: Option<u32>,
    pub initial_connection_window_size: Option<u32>,
    /// HTTP/1.1: whether trailers are sent and let through.
    pub trailers: bool,
    pub auto_sni: bool,
    pub auto_san_validation: bool,
}

const EXTENSION: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

impl UpstreamHttpOptions {
    /// The extension replaces the fields of the cluster itself, as in Envoy.
    pub(super) fn from_proto(pb: &Cluster) -> Result<Self, FieldError> {
        // Fields that the extension replaces are judged too.
        let own = Self::from_cluster(pb)?;
        let mut extensions = pb.typed_extension_protocol_options.iter();
        match (extensions.next(), extensions.next()) {
            (None, _) => Ok(own),
            (Some((name, any)), None) if name == EXTENSION => decode(any)
                .and_then(|options| Self::from_extension(&options))
                .map_err(|e| e.within(format!("typed_extension_protocol_options[{EXTENSION:?}]"))),
            _ => {
                let reason = format!("only {EXTENSION} is implemented");
                Err(FieldError::new("typed_extension_protocol_options", reason))
            }
        }
    }

    fn from_extension(pb: &HttpProtocolOptions) -> Result<Self, FieldError> {
        let HttpProtocolOptions {
            common_http_protocol_options,
            upstream_http_protocol_options,
            http_filters,
            header_validation_config,
            outlier_detection,
            request_mirror_policies,
            hash_policy,
            retry_policy,
            upstream_protocol_options,
        } = pb;
        refuse!(http_filters, header_validation_config, outlier_detection, request_mirror_policies);
        refuse!(hash_policy, retry_policy);
        let parts = match upstream_protocol_options {
            Some(UpstreamProtocolOptions::ExplicitHttpConfig(pb)) => {
                explicit(pb).map_err(|error| error.within("explicit_http_config"))?
            }
            Some(UpstreamProtocolOptions::UseDownstreamProtocolConfig(pb)) => {
                same_as_downstream(pb).map_err(|error| error.within("use_downstream_protocol_config"))?
            }
            Some(UpstreamProtocolOptions::AutoConfig(_)) => {
                return Err(FieldError::new("auto_config", "is not implemented"));
            }
            None => {
                let reason = "explicit_http_config or use_downstream_protocol_config is required";
                return Err(FieldError::new("", reason));
            }
        };
        parts.with(common_http_protocol_options.as_ref(), upstream_http_protocol_options.as_ref())
    }

    fn from_cluster(pb: &Cluster) -> Result<Self, FieldError> {
        let http1 = pb.http_protocol_options.as_ref().map(trailers).transpose();
        let http2 = pb.http2_protocol_options.as_ref().map(Http2::from_proto).transpose();
        let parts = Parts {
            version: match pb.http2_protocol_options {
                Some(_) => UpstreamHttp::Http2,
                None => UpstreamHttp::Http1,
            },
            trailers: http1.map_err(|error| error.within("http_protocol_options"))?.unwrap_or(false),
            http2: http2.map_err(|error| error.within("http2_protocol_options"))?.unwrap_or_default(),
        };
        let common = pb.common_http_protocol_options.as_ref();
        let options = parts.with(common, pb.upstream_http_protocol_options.as_ref())?;
        let requests = options.max_requests_per_connection.or(pb.max_requests_per_connection);
        Ok(Self { max_requests_per_connection: requests, ..options })
    }
}

/// What depends on the version.
struct Parts {
    version: UpstreamHttp,
    trailers: bool,
    http2: Http2,
}

#[derive(Default)]
struct Http2 {
    max_concurrent_streams: Option<u32>,
    initial_stream_window_size: Option<u32>,
    initial_connection_window_size: Option<u32>,
}

impl Parts {
    fn with(
        self,
        common: Option<&CommonOptions>,
        names: Option<&UpstreamHttpProtocolOptions>,
    ) -> Result<UpstreamHttpOptions, FieldError> {
        let place = |error: FieldError| error.within("common_http_protocol_options");
        let (idle, max_requests_per_connection) =
            limits(&common.copied().unwrap_or_default()).map_err(place)?;
        let place = |error: FieldError| error.within("upstream_http_protocol_options");
        let (auto_sni, auto_san_validation) =
            names.map_or(Ok((false, false)), names_of_requests).map_err(place)?;
        let Self { version, trailers, http2 } = self;
        Ok(UpstreamHttpOptions {
            version,
            idle_timeout: Some(idle.unwrap_or(DEFAULT_IDLE_TIMEOUT)).filter(|timeout| !timeout.is_zero()),
            max_requests_per_connection,
            max_concurrent_streams: http2.max_concurrent_streams,
            initial_stream_window_size: http2.initial_stream_window_size,
            initial_connection_window_size: http2.initial_connection_window_size,
            trailers,
            auto_sni,
            auto_san_validation,
        })
    }
}

fn explicit(pb: &ExplicitHttpConfig) -> Result<Parts, FieldError> {
    let ExplicitHttpConfig { protocol_config } = pb;
    match protocol_config {
        Some(ProtocolConfig::HttpProtocolOptions(pb)) => {
            let trailers = trailers(pb).map_err(|error| error.within("http_protocol_options"))?;
            Ok(Parts { version: UpstreamHttp::Http1, trailers, http2: Http2::default() })
        }
        Some(ProtocolConfig::Http2ProtocolOptions(pb)) => {
            let http2 = Http2::from_proto(pb).map_err(|error| error.within("http2_protocol_options"))?;
            Ok(Parts { version: UpstreamHttp::Http2, trailers: false, http2 })
        }
        Some(ProtocolConfig::Http3ProtocolOptions(_)) => {
            Err(FieldError::new("http3_protocol_options", "is not implemented"))
        }
        None => Err(FieldError::new("", "a protocol is required")),
    }
}

fn same_as_downstream(pb: &UseDownstreamHttpConfig) -> Result<Parts, FieldError> {
    let UseDownstreamHttpConfig { http_protocol_options, http2_protocol_options, http3_protocol_options } =
        pb;
    refuse!(http3_protocol_options);
    let http1 = http_protocol_options.as_ref().map(trailers).transpose();
    let http2 = http2_protocol_options.as_ref().map(Http2::from_proto).transpose();
    Ok(Parts {
        version: UpstreamHttp::SameAsDownstream,
        trailers: http1.map_err(|error| error.within("http_protocol_options"))?.unwrap_or(false),
        http2: http2.map_err(|error| error.within("http2_protocol_options"))?.unwrap_or_default(),
    })
}

fn trailers(pb: &Http1ProtocolOptions) -> Result<bool, FieldError> {
    let Http1ProtocolOptions {
        enable_trailers,
        // About requests that come in, where a cluster has none.
        allow_absolute_url: _,
        accept_http_10: _,
        default_host_for_http_10: _,
        // A response with both lengths is always refused.
        allow_chunked_length: _,
        // There is one parser.
        use_balsa_parser: _,
        header_key_format,
        override_stream_error_on_invalid_http_message,
        send_fully_qualified_url,
        allow_custom_methods,
        ignore_http_11_upgrade,
    } = pb;
    refuse!(header_key_format, override_stream_error_on_invalid_http_message, send_fully_qualified_url);
    refuse!(allow_custom_methods, ignore_http_11_upgrade);
    Ok(*enable_trailers)
}

impl Http2 {
    fn from_proto(pb: &Http2ProtocolOptions) -> Result<Self, FieldError> {
        let Http2ProtocolOptions {
            max_concurrent_streams,
            initial_stream_window_size,
            initial_connection_window_size,
            // Tables, frames and floods are bounded by the codec's own limits.
            hpack_table_size: _,
            max_outbound_frames: _,
            max_outbound_control_frames: _,
            max_consecutive_inbound_frames_with_empty_payload: _,
            max_inbound_priority_frames_per_stream: _,
            max_inbound_window_update_frames_per_data_frame_sent: _,
            enable_huffman_encoding: _,
            // There is one codec, without METADATA frames.
            use_oghttp2_codec: _,
            allow_metadata: _,
            max_metadata_size: _,
            // Extended CONNECT comes from clients.
            allow_connect: _,
            // An invalid message always ends its stream.
            stream_error_on_invalid_http_messaging: _,
            override_stream_error_on_invalid_http_message: _,
            custom_settings_parameters,
            connection_keepalive,
            max_header_field_size_kb,
            disallow_obs_text,
            stream_reset_burst,
            stream_reset_rate,
        } = pb;
        refuse!(custom_settings_parameters, connection_keepalive, max_header_field_size_kb);
        refuse!(disallow_obs_text, stream_reset_burst, stream_reset_rate);
        Ok(Self {
            max_concurrent_streams: *max_concurrent_streams,
            initial_stream_window_size: *initial_stream_window_size,
            initial_connection_window_size: *initial_connection_window_size,
        })
    }
}

fn limits(pb: &CommonOptions) -> Result<(Option<Duration>, Option<u32>), FieldError> {
    let CommonOptions {
        idle_timeout,
        max_connection_duration,
        max_connection_duration_jitter,
        max_headers_count,
        max_response_headers_kb,
        max_stream_duration,
        headers_with_underscores_action,
        max_requests_per_connection,
    } = pb;
    refuse!(max_connection_duration, max_connection_duration_jitter, max_headers_count);
    refuse!(max_response_headers_kb, max_stream_duration, headers_with_underscores_action);
    Ok((optional_duration(idle_timeout.as_ref(), "idle_timeout")?, *max_requests_per_connection))
}

fn names_of_requests(pb: &UpstreamHttpProtocolOptions) -> Result<(bool, bool), FieldError> {
    let UpstreamHttpProtocolOptions { auto_sni, auto_san_validation, override_auto_sni_header } = pb;
    refuse!(override_auto_sni_header);
    Ok((*auto_sni, *auto_san_validation))
}
