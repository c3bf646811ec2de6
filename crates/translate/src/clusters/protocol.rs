//! Which version of HTTP a cluster speaks to its endpoints
//! (`pilot/pkg/networking/core/cluster_builder.go`, `setUpstreamProtocol`).

use std::collections::BTreeMap;

use prost::Message;
use prost_types::Any;

use crate::envoy::any;
use crate::envoy::cluster::Cluster;
use crate::envoy::core::{Http1ProtocolOptions, Http2ProtocolOptions, UpstreamHttpProtocolOptions};
use crate::envoy::upstream_http::HttpProtocolOptions;
use crate::envoy::upstream_http::http_protocol_options::{
    ExplicitHttpConfig, UpstreamProtocolOptions, UseDownstreamHttpConfig,
    explicit_http_config::ProtocolConfig,
};

/// The key of [`HttpProtocolOptions`] in a cluster.
const KEY: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// HTTP/2, for gRPC and ports declared as HTTP2.
pub(crate) fn http2() -> UpstreamProtocolOptions {
    explicit(ProtocolConfig::Http2ProtocolOptions(Http2ProtocolOptions::default()))
}

/// HTTP/1.1, Envoy's default; written out only where other options need a protocol beside them.
pub(crate) fn http1() -> UpstreamProtocolOptions {
    explicit(ProtocolConfig::HttpProtocolOptions(Http1ProtocolOptions::default()))
}

/// Whatever the client spoke.
pub(crate) fn downstream() -> UpstreamProtocolOptions {
    UpstreamProtocolOptions::UseDownstreamProtocolConfig(UseDownstreamHttpConfig {
        http_protocol_options: Some(Http1ProtocolOptions::default()),
        http2_protocol_options: Some(Http2ProtocolOptions::default()),
        ..Default::default()
    })
}

fn explicit(protocol: ProtocolConfig) -> UpstreamProtocolOptions {
    UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig { protocol_config: Some(protocol) })
}

/// SNI and name check that follow each request's authority.
pub(crate) fn sni_from_authority(check_name: bool) -> UpstreamHttpProtocolOptions {
    UpstreamHttpProtocolOptions { auto_sni: true, auto_san_validation: check_name, ..Default::default() }
}

/// The `typed_extension_protocol_options` of a cluster.
pub(crate) fn options(options: &HttpProtocolOptions) -> BTreeMap<String, Any> {
    BTreeMap::from([(KEY.to_owned(), any(options))])
}

pub(crate) fn http2_only() -> BTreeMap<String, Any> {
    options(&HttpProtocolOptions { upstream_protocol_options: Some(http2()), ..Default::default() })
}

pub(crate) fn use_downstream_protocol() -> BTreeMap<String, Any> {
    options(&HttpProtocolOptions { upstream_protocol_options: Some(downstream()), ..Default::default() })
}

/// At most this many streams on one HTTP/2 connection.
pub(crate) fn limit_streams(cluster: &mut Cluster, most: u32) {
    change(cluster, |options| {
        let http2 = match &mut options.upstream_protocol_options {
            Some(UpstreamProtocolOptions::ExplicitHttpConfig(config)) => match &mut config.protocol_config {
                Some(ProtocolConfig::Http2ProtocolOptions(http2)) => Some(http2),
                _ => None,
            },
            Some(UpstreamProtocolOptions::UseDownstreamProtocolConfig(config)) => {
                config.http2_protocol_options.as_mut()
            }
            _ => None,
        };
        if let Some(http2) = http2 {
            http2.max_concurrent_streams = Some(most);
        }
    });
}

/// Changes a cluster's options in place. Envoy wants a version beside any other option; HTTP/1.1 is
/// its default.
pub(crate) fn change(cluster: &mut Cluster, edit: impl FnOnce(&mut HttpProtocolOptions)) {
    let existing = cluster.typed_extension_protocol_options.get(KEY);
    let mut current =
        existing.and_then(|any| HttpProtocolOptions::decode(any.value.as_slice()).ok()).unwrap_or_else(
            || HttpProtocolOptions { upstream_protocol_options: Some(http1()), ..Default::default() },
        );
    edit(&mut current);
    cluster.typed_extension_protocol_options = options(&current);
}
