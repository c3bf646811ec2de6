use carrick_xds::json::from_yaml;

use super::*;
use crate::http::path::EscapedSlashes;
use crate::http::xfcc::ForwardClientCert;

const ROUTER: &str =
    "{name: r, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}";

/// A connection manager with one more piece of YAML.
fn manager(more: &str) -> Result<HttpManager, String> {
    let yaml =
        format!("{{stat_prefix: s, rds: {{route_config_name: routes}}, http_filters: [{ROUTER}]{more}}}");
    HttpManager::from_proto(&from_yaml(&yaml).unwrap()).map_err(|error| error.to_string())
}

#[test]
fn what_is_not_said_is_as_in_envoy() {
    let manager = manager("").unwrap();
    let limits = &manager.limits;
    assert_eq!((limits.max_headers, limits.max_header_bytes), (100, 60 * 1024));
    assert_eq!(limits.connection_idle, Some(Duration::from_secs(3600)));
    assert_eq!(limits.stream_idle, Some(Duration::from_secs(300)));
    assert_eq!((limits.request, limits.request_headers, limits.stream_duration), (None, None, None));
    assert_eq!(manager.codec, Codec::Auto);
    assert!(manager.client.generate_request_id && !manager.client.use_remote_address);
    assert_eq!(manager.xfcc.forward, ForwardClientCert::Sanitize);
    assert!(!manager.path.normalize && manager.path.escaped_slashes == EscapedSlashes::Keep);
    assert!(matches!(&manager.server, ServerHeader::Overwrite(name) if name == "envoy"));
    assert!(!manager.http1.accept_http_10);
    assert!(matches!(&manager.routes, RouteSource::Rds(name) if name == "routes"));
}

#[test]
fn zero_switches_a_limit_off() {
    let limits = manager(", stream_idle_timeout: 0s, common_http_protocol_options: {idle_timeout: 0s}")
        .unwrap()
        .limits;
    assert_eq!((limits.stream_idle, limits.connection_idle), (None, None));
}

#[test]
fn what_is_not_implemented_is_refused_by_its_place() {
    for (field, place) in [
        ("tracing: {}", "tracing"),
        ("proxy_100_continue: true", "proxy_100_continue"),
        ("local_reply_config: {}", "local_reply_config"),
        ("codec_type: HTTP3", "codec_type"),
        ("http_protocol_options: {allow_chunked_length: true}", "http_protocol_options.allow_chunked_length"),
        ("http_protocol_options: {allow_absolute_url: false}", "http_protocol_options.allow_absolute_url"),
        ("http2_protocol_options: {allow_connect: true}", "http2_protocol_options.allow_connect"),
        ("set_current_client_cert_details: {chain: true}", "set_current_client_cert_details.chain"),
        (
            "upgrade_configs: [{upgrade_type: websocket}, {upgrade_type: CONNECT}]",
            "upgrade_configs[1].upgrade_type",
        ),
        ("server_name: \"a\\nb\"", "server_name"),
        ("via: \"a\\nb\"", "via"),
        ("stream_idle_timeout: -1s", "stream_idle_timeout"),
        ("strip_matching_host_port: true, strip_any_host_port: true", "strip_any_host_port"),
        ("access_log: [{name: x}]", "access_log[0]"),
    ] {
        let error = manager(&format!(", {field}")).map(|_| ()).unwrap_err();
        assert!(error.starts_with(place), "{field}: {error}");
    }
}

#[test]
fn the_router_is_the_last_filter_and_others_are_not_passed_over() {
    let filters = |list: &str| {
        let yaml = format!("{{stat_prefix: s, rds: {{route_config_name: r}}, http_filters: [{list}]}}");
        HttpManager::from_proto(&from_yaml(&yaml).unwrap()).map(|_| ()).map_err(|error| error.to_string())
    };
    assert!(filters("").unwrap_err().starts_with("http_filters: "));
    assert!(filters(&format!("{ROUTER}, {ROUTER}")).unwrap_err().starts_with("http_filters[1]: "));
    let lua =
        "{name: lua, typed_config: {'@type': type.googleapis.com/google.protobuf.StringValue, value: x}}";
    let error = filters(&format!("{lua}, {ROUTER}")).unwrap_err();
    assert!(error.starts_with("http_filters[0].typed_config: ") && error.contains("lua"), "{error}");
    let optional = lua.replace("name: lua", "name: lua, is_optional: true");
    filters(&format!("{optional}, {ROUTER}")).unwrap();
}

#[test]
fn routes_are_named_or_inline() {
    let routes = |source: &str| {
        let yaml = format!("{{stat_prefix: s, {source} http_filters: [{ROUTER}]}}");
        HttpManager::from_proto(&from_yaml(&yaml).unwrap()).map_err(|error| error.to_string())
    };
    assert!(routes("").unwrap_err().starts_with("route_specifier: "));
    assert!(routes("rds: {},").unwrap_err().starts_with("rds.route_config_name: "));
    assert!(matches!(routes("route_config: {},").unwrap().route_source(), RouteSource::Inline(_)));
    let bad = "route_config: {virtual_hosts: [{name: a, domains: ['*'], routes: [{match: {prefix: /}}]}]},";
    assert_eq!(routes(bad).unwrap_err(), "route_config.virtual_hosts[0].routes[0].action: is required");
}

#[test]
fn a_routes_word_on_upgrades_counts_more_than_the_managers() {
    let manager =
        manager(", upgrade_configs: [{upgrade_type: WebSocket}, {upgrade_type: spdy, enabled: false}]")
            .unwrap();
    assert!(manager.allows_upgrade("websocket", &[]));
    assert!(!manager.allows_upgrade("spdy", &[]) && !manager.allows_upgrade("other", &[]));
    assert!(!manager.allows_upgrade("websocket", &[("websocket".into(), false)]));
    assert!(manager.allows_upgrade("spdy", &[("spdy".into(), true)]));
}

#[test]
fn what_istio_tells_its_sidecars_is_obeyed() {
    let manager = manager(
        ", use_remote_address: true, forward_client_cert_details: APPEND_FORWARD, \
         set_current_client_cert_details: {subject: true, dns: true, uri: true}, normalize_path: true, merge_slashes: true, \
         path_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT, server_name: istio-envoy, \
         server_header_transformation: PASS_THROUGH, strip_any_host_port: true, strip_trailing_host_dot: true, \
         max_request_headers_kb: 96, common_http_protocol_options: {headers_with_underscores_action: REJECT_REQUEST}",
    )
    .unwrap();
    assert!(manager.client.use_remote_address);
    assert_eq!(manager.xfcc.forward, ForwardClientCert::AppendForward);
    let details = manager.xfcc.details;
    assert!(details.subject && details.dns && details.uri && !details.cert);
    assert!(manager.path.normalize && manager.path.merge_slashes);
    assert_eq!(manager.path.escaped_slashes, EscapedSlashes::Redirect);
    assert!(matches!(manager.server, ServerHeader::PassThrough));
    assert_eq!((manager.host.strip, manager.host.strip_trailing_dot), (StripPort::Any, true));
    assert_eq!(manager.limits.max_header_bytes, 96 * 1024);
    assert_eq!(manager.underscores, Underscores::Reject);
}
