//! Settings of the codecs, and limits of connections and streams.
//!
//! It must not know what the requests are.

use std::time::Duration;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::core::v3::http_protocol_options::HeadersWithUnderscoresAction;
use carrick_xds::pb::envoy::config::core::v3::{
    Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions,
};
use http::HeaderValue;

use super::unless_zero;
use crate::config::{duration, optional_duration};
use crate::http::sanitize::Underscores;

/// Which HTTP a downstream connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// HTTP/2 by ALPN, or by its preface; otherwise HTTP/1.1.
    Auto,
    Http1,
    Http2,
}

#[derive(Debug, Clone, Default)]
pub struct Http1Options {
    pub accept_http_10: bool,
    /// Methods beyond the well-known ones.
    pub custom_methods: bool,
    /// Whether requests may have trailers; otherwise they go no further.
    pub trailers: bool,
    /// For HTTP/1.0 requests without a host.
    pub default_host: Option<HeaderValue>,
}

#[derive(Debug, Clone)]
pub struct Http2Options {
    pub max_concurrent_streams: u32,
    pub stream_window: u32,
    pub connection_window: u32,
    pub header_table_size: u32,
}

/// `None` is unlimited.
#[derive(Debug, Clone)]
pub struct Limits {
    pub max_headers: usize,
    pub max_header_bytes: u32,
    /// Of a connection without requests.
    pub connection_idle: Option<Duration>,
    pub connection_duration: Option<Duration>,
    pub requests_per_connection: Option<u32>,
    /// Of a request in which nothing moves.
    pub stream_idle: Option<Duration>,
    pub stream_duration: Option<Duration>,
    /// For all of a request to arrive.
    pub request: Option<Duration>,
    /// For the head of a request to arrive, once it began.
    pub request_headers: Option<Duration>,
}

/// Envoy's default for `max_headers_count`.
const MAX_HEADERS: u32 = 100;
/// Envoy's default for `common_http_protocol_options.idle_timeout`.
const CONNECTION_IDLE: Duration = Duration::from_secs(3600);

/// What `common_http_protocol_options` says; limits that come from elsewhere are still unset.
pub(super) fn common(pb: &HttpProtocolOptions) -> Result<(Limits, Underscores), FieldError> {
    let HttpProtocolOptions {
        idle_timeout,
        max_connection_duration,
        // Spreads the end of connections; without it they end on time.
        max_connection_duration_jitter: _,
        max_headers_count,
        // About responses, which only clusters have.
        max_response_headers_kb: _,
        max_stream_duration,
        headers_with_underscores_action,
        max_requests_per_connection,
    } = pb;
    let underscores = match HeadersWithUnderscoresAction::try_from(*headers_with_underscores_action) {
        Ok(HeadersWithUnderscoresAction::Allow) => Underscores::Allow,
        Ok(HeadersWithUnderscoresAction::RejectRequest) => Underscores::Reject,
        Ok(HeadersWithUnderscoresAction::DropHeader) => Underscores::Drop,
        Err(_) => return Err(FieldError::new("headers_with_underscores_action", "is unknown")),
    };
    let limits = Limits {
        max_headers: max_headers_count.unwrap_or(MAX_HEADERS) as usize,
        max_header_bytes: 0,
        connection_idle: unless_zero(duration(idle_timeout.as_ref(), "idle_timeout", CONNECTION_IDLE)?),
        connection_duration: optional_duration(max_connection_duration.as_ref(), "max_connection_duration")?
            .and_then(unless_zero),
        requests_per_connection: max_requests_per_connection.filter(|max| *max > 0),
        stream_idle: None,
        stream_duration: optional_duration(max_stream_duration.as_ref(), "max_stream_duration")?
            .and_then(unless_zero),
        request: None,
        request_headers: None,
    };
    Ok((limits, underscores))
}

impl Http1Options {
    pub(super) fn from_proto(pb: &Http1ProtocolOptions) -> Result<Self, FieldError> {
        let Http1ProtocolOptions {
            allow_absolute_url,
            accept_http_10,
            default_host_for_http_10,
            header_key_format,
            enable_trailers,
            allow_chunked_length,
            // An invalid message always ends the connection; it is never safe to go on.
            override_stream_error_on_invalid_http_message: _,
            send_fully_qualified_url,
            use_balsa_parser: _,
            allow_custom_methods,
            ignore_http_11_upgrade,
        } = pb;
        let refused = |field: &str| Err(FieldError::new(field, "is not supported"));
        if *allow_absolute_url == Some(false) {
            return refused("allow_absolute_url");
        }
        if header_key_format.is_some() {
            return refused("header_key_format");
        }
        if *allow_chunked_length {
            return refused("allow_chunked_length");
        }
        if *send_fully_qualified_url {
            return refused("send_fully_qualified_url");
        }
        if !ignore_http_11_upgrade.is_empty() {
            return refused("ignore_http_11_upgrade");
        }
        let default_host = match default_host_for_http_10.as_str() {
            "" => None,
            host => Some(HeaderValue::from_str(host).map_err(|_| {
                FieldError::new("default_host_for_http_10", format!("{host:?} cannot be a host"))
            })?),
        };
        Ok(Self {
            accept_http_10: *accept_http_10,
            custom_methods: *allow_custom_methods,
            trailers: *enable_trailers,
            default_host,
        })
    }
}

impl Default for Http2Options {
    /// Envoy's number of streams. The windows are smaller than its 16 and 24 MiB, because they
    /// bound the memory that a client can make this proxy use while an upstream is slow.
    fn default() -> Self {
        Self {
            max_concurrent_streams: 1024,
            stream_window: 1 << 20,
            connection_window: 2 << 20,
            header_table_size: 4096,
        }
    }
}

impl Http2Options {
    pub(super) fn from_proto(pb: &Http2ProtocolOptions) -> Result<Self, FieldError> {
        let Http2ProtocolOptions {
            hpack_table_size,
            max_concurrent_streams,
            initial_stream_window_size,
            initial_connection_window_size,
            allow_connect,
            allow_metadata,
            // Floods are met by a guard of our own with fixed limits.
            max_outbound_frames: _,
            max_outbound_control_frames: _,
            max_consecutive_inbound_frames_with_empty_payload: _,
            max_inbound_priority_frames_per_stream: _,
            max_inbound_window_update_frames_per_data_frame_sent: _,
            stream_reset_burst: _,
            stream_reset_rate: _,
            // An invalid message always ends its stream.
            stream_error_on_invalid_http_messaging: _,
            override_stream_error_on_invalid_http_message: _,
            custom_settings_parameters,
            connection_keepalive,
            use_oghttp2_codec: _,
            max_metadata_size: _,
            enable_huffman_encoding: _,
            max_header_field_size_kb,
            disallow_obs_text: _,
        } = pb;
        let refused = |field: &str| Err(FieldError::new(field, "is not supported"));
        if *allow_connect {
            return refused("allow_connect");
        }
        if *allow_metadata {
            return refused("allow_metadata");
        }
        if !custom_settings_parameters.is_empty() {
            return refused("custom_settings_parameters");
        }
        if connection_keepalive.is_some() {
            return refused("connection_keepalive");
        }
        if max_header_field_size_kb.is_some() {
            return refused("max_header_field_size_kb");
        }
        let default = Self::default();
        Ok(Self {
            max_concurrent_streams: max_concurrent_streams.unwrap_or(default.max_concurrent_streams),
            stream_window: initial_stream_window_size.unwrap_or(default.stream_window),
            connection_window: initial_connection_window_size.unwrap_or(default.connection_window),
            header_table_size: hpack_table_size.unwrap_or(default.header_table_size),
        })
    }
}
