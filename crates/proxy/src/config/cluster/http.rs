//! How requests are sent to a cluster: HTTP version, pooling, and names taken from requests.

use std::time::Duration;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::cluster::v3::Cluster;
use carrick_xds::pb::envoy::config::core::v3::{Http2ProtocolOptions, UpstreamHttpProtocolOptions};
use carrick_xds::pb::envoy::extensions::upstreams::http::v3::HttpProtocolOptions;
use carrick_xds::pb::envoy::extensions::upstreams::http::v3::http_protocol_options::UpstreamProtocolOptions;
use carrick_xds::pb::envoy::extensions::upstreams::http::v3::http_protocol_options::explicit_http_config::ProtocolConfig;
use prost::Message;

use crate::config::optional_duration;
use crate::config::supported::type_name;

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
        match pb.typed_extension_protocol_options.get(EXTENSION) {
            Some(any) if type_name(any) == EXTENSION => HttpProtocolOptions::decode(any.value.as_slice())
                .map_err(|error| FieldError::new("", error.to_string()))
                .and_then(|options| Self::from_extension(&options))
                .map_err(|e| e.within(format!("typed_extension_protocol_options[{EXTENSION:?}]"))),
            _ if !pb.typed_extension_protocol_options.is_empty() => {
                let reason = format!("only {EXTENSION} is implemented");
                Err(FieldError::new("typed_extension_protocol_options", reason))
            }
            _ => Self::from_cluster(pb),
        }
    }

    fn from_extension(pb: &HttpProtocolOptions) -> Result<Self, FieldError> {
        let (version, http1, http2) = match pb.upstream_protocol_options.as_ref() {
            Some(UpstreamProtocolOptions::ExplicitHttpConfig(explicit)) => {
                match explicit.protocol_config.as_ref() {
                    Some(ProtocolConfig::Http2ProtocolOptions(http2)) => {
                        (UpstreamHttp::Http2, None, Some(http2))
                    }
                    Some(ProtocolConfig::HttpProtocolOptions(http1)) => {
                        (UpstreamHttp::Http1, Some(http1), None)
                    }
                    _ => return Err(FieldError::new("explicit_http_config", "a protocol is required")),
                }
            }
            Some(UpstreamProtocolOptions::UseDownstreamProtocolConfig(both)) => {
                let (http1, http2) = (&both.http_protocol_options, &both.http2_protocol_options);
                (UpstreamHttp::SameAsDownstream, http1.as_ref(), http2.as_ref())
            }
            _ => {
                let reason = "explicit_http_config or use_downstream_protocol_config is required";
                return Err(FieldError::new("", reason));
            }
        };
        let common = pb.common_http_protocol_options.unwrap_or_default();
        Ok(Self {
            version,
            idle_timeout: idle_timeout(common.idle_timeout.as_ref())?,
            max_requests_per_connection: common.max_requests_per_connection,
            trailers: http1.is_some_and(|http1| http1.enable_trailers),
            ..Self::plain(http2, pb.upstream_http_protocol_options.as_ref())
        })
    }

    fn from_cluster(pb: &Cluster) -> Result<Self, FieldError> {
        let http2 = pb.http2_protocol_options.as_ref();
        let common = pb.common_http_protocol_options.unwrap_or_default();
        Ok(Self {
            version: if http2.is_some() { UpstreamHttp::Http2 } else { UpstreamHttp::Http1 },
            idle_timeout: idle_timeout(common.idle_timeout.as_ref())?,
            max_requests_per_connection: common
                .max_requests_per_connection
                .or(pb.max_requests_per_connection),
            trailers: pb.http_protocol_options.as_ref().is_some_and(|http1| http1.enable_trailers),
            ..Self::plain(http2, pb.upstream_http_protocol_options.as_ref())
        })
    }

    fn plain(http2: Option<&Http2ProtocolOptions>, names: Option<&UpstreamHttpProtocolOptions>) -> Self {
        Self {
            version: UpstreamHttp::Http1,
            idle_timeout: Some(DEFAULT_IDLE_TIMEOUT),
            max_requests_per_connection: None,
            max_concurrent_streams: http2.and_then(|options| options.max_concurrent_streams),
            initial_stream_window_size: http2.and_then(|options| options.initial_stream_window_size),
            initial_connection_window_size: http2.and_then(|options| options.initial_connection_window_size),
            trailers: false,
            auto_sni: names.is_some_and(|names| names.auto_sni),
            auto_san_validation: names.is_some_and(|names| names.auto_san_validation),
        }
    }
}

fn idle_timeout(pb: Option<&prost_types::Duration>) -> Result<Option<Duration>, FieldError> {
    let timeout = optional_duration(pb, "common_http_protocol_options.idle_timeout")?;
    let timeout = timeout.unwrap_or(DEFAULT_IDLE_TIMEOUT);
    Ok((!timeout.is_zero()).then_some(timeout))
}
