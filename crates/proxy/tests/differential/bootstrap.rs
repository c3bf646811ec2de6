//! The configuration that both proxies get: a few listeners with different strictness over one
//! route table.

use std::net::SocketAddr;

/// Where the upstreams are.
#[derive(Debug, Clone, Copy)]
pub struct Upstreams {
    pub main: SocketAddr,
    pub other: SocketAddr,
    /// Speaks HTTP/2.
    pub http2: SocketAddr,
    /// Say their name and echo: for ALPN `istio`, for other TLS, for plain text, and for the rest.
    pub echoes: [SocketAddr; 4],
    /// Nobody listens there.
    pub dead: SocketAddr,
}

/// HTTP listeners, and what is special about each.
pub const HTTP: [(&str, &str); 5] = [
    ("plain", ""),
    (
        "edge",
        "use_remote_address: true, normalize_path: true, merge_slashes: true, path_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT, \
         strip_any_host_port: true, server_name: istio-envoy, via: '1.1 carrick', \
         upgrade_configs: [{upgrade_type: websocket}], \
         common_http_protocol_options: {headers_with_underscores_action: REJECT_REQUEST},",
    ),
    (
        "sidecar",
        "normalize_path: true, forward_client_cert_details: APPEND_FORWARD, server_header_transformation: PASS_THROUGH, \
         http_protocol_options: {accept_http_10: true, enable_trailers: true}, upgrade_configs: [{upgrade_type: websocket}], \
         always_set_request_id_in_response: true,",
    ),
    (
        "strict",
        "normalize_path: true, path_with_escaped_slashes_action: REJECT_REQUEST, strip_matching_host_port: true, \
         strip_trailing_host_dot: true, max_request_headers_kb: 8, \
         common_http_protocol_options: {headers_with_underscores_action: DROP_HEADER, max_headers_count: 20}, \
         http_protocol_options: {accept_http_10: true, default_host_for_http_10: main.example},",
    ),
    (
        "forward",
        "path_with_escaped_slashes_action: UNESCAPE_AND_FORWARD, merge_slashes: true, normalize_path: true,",
    ),
];

const ROUTES: &str = "
    - {name: redirect-https, match: {path: /redirect/https}, redirect: {https_redirect: true}}
    - {name: redirect-host, match: {path: /redirect/host}, redirect: {host_redirect: new.example, response_code: FOUND}}
    - {name: redirect-port, match: {path: /redirect/port}, redirect: {port_redirect: 8443, scheme_redirect: https}}
    - {name: redirect-path, match: {path: /redirect/path}, redirect: {path_redirect: /there, response_code: SEE_OTHER}}
    - {name: redirect-query, match: {path: /redirect/query}, redirect: {path_redirect: '/there?x', strip_query: true, response_code: TEMPORARY_REDIRECT}}
    - {name: redirect-prefix, match: {prefix: /redirect/prefix/}, redirect: {prefix_rewrite: /p/, response_code: PERMANENT_REDIRECT}}
    - {name: redirect-regex, match: {prefix: /redirect/regex/}, redirect: {regex_rewrite: {pattern: {regex: '^/redirect/regex/(.*)$'}, substitution: '/r/\\1'}}}
    - {name: direct, match: {prefix: /direct}, direct_response: {status: 418, body: {inline_string: 'short and stout'}}, response_headers_to_add: [{header: {key: x-direct, value: '%PROTOCOL%'}}]}
    - {name: direct-empty, match: {path: /empty-direct}, direct_response: {status: 200}}
    - {name: rewrite, match: {prefix: /rewrite/}, route: {cluster: main, prefix_rewrite: /new/}}
    - {name: rewrite-regex, match: {prefix: /regex/}, route: {cluster: main, regex_rewrite: {pattern: {regex: '/regex/([^/]+)'}, substitution: '/new/\\1/\\1'}}}
    - {name: rewrite-host, match: {prefix: /host/}, route: {cluster: main, host_rewrite_literal: rewritten.example, append_x_forwarded_host: true}}
    - {name: admin, match: {prefix: /admin}, route: {cluster: other}}
    - {name: segments, match: {path_separated_prefix: /segments}, route: {cluster: other}}
    - {name: regex-match, match: {safe_regex: {regex: '/r[0-9]+'}}, route: {cluster: other}}
    - {name: nocase, match: {path: /NoCase, case_sensitive: false}, route: {cluster: other}}
    - {name: by-header, match: {prefix: /, headers: [{name: x-route, string_match: {exact: other}}]}, route: {cluster: other}}
    - {name: by-not-header, match: {prefix: /not, headers: [{name: x-route, string_match: {exact: main}, invert_match: true}]}, route: {cluster: other}}
    - {name: by-range, match: {prefix: /, headers: [{name: x-number, range_match: {start: 10, end: 20}}]}, route: {cluster: other}}
    - {name: by-query, match: {prefix: /query, query_parameters: [{name: q, string_match: {exact: other}}]}, route: {cluster: other}}
    - {name: by-method, match: {prefix: /method, headers: [{name: ':method', string_match: {exact: POST}}]}, route: {cluster: other}}
    - {name: grpc, match: {prefix: /grpc, grpc: {}}, direct_response: {status: 503, body: {inline_string: 'not now: 100%'}}}
    - name: cross-origin
      match: {prefix: /guarded/cors}
      route: {cluster: main}
      typed_per_filter_config:
        cors:
          '@type': type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy
          allow_origin_string_match: [{exact: 'https://a.example'}, {suffix: .b.example}]
          allow_methods: 'GET, PUT'
          allow_headers: x-mine
          expose_headers: x-upstream
          max_age: '60'
          allow_credentials: true
    - name: aborted
      match: {prefix: /guarded/fault}
      route: {cluster: main}
      typed_per_filter_config: {fault: {'@type': type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault, abort: {http_status: 429, percentage: {numerator: 100}}}}
    - {name: full, match: {prefix: /full}, route: {cluster: full}}
    - {name: dead, match: {prefix: /dead}, route: {cluster: dead}}
    - {name: dead-retried, match: {prefix: /retried}, route: {cluster: dead, retry_policy: {retry_on: connect-failure, num_retries: 2, retry_back_off: {base_interval: 0.001s}}}}
    - {name: missing, match: {prefix: /missing}, route: {cluster: missing}}
    - {name: missing-404, match: {prefix: /nowhere}, route: {cluster: missing, cluster_not_found_response_code: NOT_FOUND}}
    - {name: hostless, match: {prefix: /hostless}, route: {cluster: hostless}}
    - {name: slow, match: {path: /do/never}, route: {cluster: main, timeout: 0.3s}}
    - {name: retry, match: {prefix: /do/503, headers: [{name: x-retry}]}, route: {cluster: main, retry_policy: {retry_on: 5xx, num_retries: 2, retry_back_off: {base_interval: 0.001s}}}}
    - {name: retry-reset, match: {prefix: /do/nothing, headers: [{name: x-retry}]}, route: {cluster: main, retry_policy: {retry_on: reset, num_retries: 1, retry_back_off: {base_interval: 0.001s}}}}
    - name: headers
      match: {prefix: /headers}
      route: {cluster: main}
      request_headers_to_remove: [x-remove]
      request_headers_to_add:
      - {header: {key: x-append, value: route}}
      - {header: {key: x-set, value: route}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
      - {header: {key: x-absent, value: route}, append_action: ADD_IF_ABSENT}
      - {header: {key: x-host, value: '%REQ(:AUTHORITY)%'}}
      - {header: {key: x-nothing, value: '%REQ(x-not-there)%'}}
      - {header: {key: x-protocol, value: '%PROTOCOL%'}}
      response_headers_to_remove: [x-upstream]
      response_headers_to_add: [{header: {key: x-code, value: '%RESPONSE_CODE%'}}, {header: {key: x-route-name, value: '%ROUTE_NAME%'}}]
    - {name: over-http2, match: {prefix: /h2/}, route: {cluster: http2}}
    - {name: rest, match: {prefix: /}, route: {cluster: main}}
";

/// Filters before the router. Only paths under `/guarded` and one header meet them.
const FILTERS: &str = "\
    {name: cors, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors}}, \
    {name: fault, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault}}, \
    {name: rbac, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC, rules: {action: DENY, policies: {\
    paths: {permissions: [{url_path: {path: {prefix: /guarded/secret}}}], principals: [{any: true}]}, \
    headers: {permissions: [{and_rules: {rules: [{header: {name: x-denied, string_match: {suffix: 'yes'}}}, \
    {not_rule: {header: {name: ':method', string_match: {exact: POST}}}}]}}], principals: [{any: true}]}}}}}";

fn route_config() -> String {
    format!(
        "validate_clusters: false
  virtual_hosts:
  - name: main
    domains: [main.example, 'main.example:8080', '*.wild.example', 'prefix.*', '[::1]', 10.0.0.1]
    request_headers_to_add: [{{header: {{key: x-host-level, value: main}}}}]
    routes:{ROUTES}
  - {{name: tls, domains: [tls.example], require_tls: ALL, routes: [{{match: {{prefix: /}}, route: {{cluster: main}}}}]}}
  - name: counted
    domains: [counted.example]
    include_request_attempt_count: true
    include_attempt_count_in_response: true
    routes: [{{name: counted, match: {{prefix: /}}, route: {{cluster: main}}}}]
  request_headers_to_add: [{{header: {{key: x-table-level, value: table}}}}]
  response_headers_to_add: [{{header: {{key: x-table-answer, value: table}}}}]
"
    )
}

/// What makes a cluster speak HTTP/2.
const HTTP2: &str = "typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {'@type': \
    type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http2_protocol_options: {}}}}, ";

/// What is written of each request; the client's port comes first.
const LOG: &str = "%DOWNSTREAM_DIRECT_REMOTE_PORT% %RESPONSE_CODE% %RESPONSE_FLAGS% %UPSTREAM_CLUSTER% %ROUTE_NAME% \
    %BYTES_RECEIVED% %BYTES_SENT% %RESPONSE_CODE_DETAILS%\\n";

fn access_log(path: &str) -> String {
    format!(
        "[{{name: file, typed_config: {{'@type': type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, \
         path: '{path}', log_format: {{text_format_source: {{inline_string: \"{LOG}\"}}}}}}}}]"
    )
}

fn listener(name: &str, more: &str, log: &str) -> String {
    let hcm = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    let router = "{name: router, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}";
    let routes: String = route_config().lines().map(|line| format!("          {line}\n")).collect();
    format!(
        "  - name: {name}
    address: {{socket_address: {{address: 127.0.0.1, port_value: 0}}}}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          '@type': {hcm}
          stat_prefix: {name}
          # Envoy lingers for so long before it closes.
          delayed_close_timeout: 0.2s
          http_filters: [{FILTERS}, {router}]
          access_log: {}
{}          route_config:
            name: {name}
            {}",
        access_log(log),
        fields(more),
        routes.trim_start(),
    )
}

/// Top-level fields in flow style, one to a line.
fn fields(flow: &str) -> String {
    let mut out = String::new();
    let mut depth = 0;
    let mut field = String::new();
    for c in flow.chars() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            ',' if depth == 0 => {
                out.push_str(&format!("          {}\n", field.trim()));
                field.clear();
                continue;
            }
            _ => {}
        }
        field.push(c);
    }
    out
}

fn cluster(name: &str, host: Option<SocketAddr>, more: &str) -> String {
    let host = host.map(|host| {
        format!(
            "{{endpoint: {{address: {{socket_address: {{address: {}, port_value: {}}}}}}}}}",
            host.ip(),
            host.port()
        )
    });
    format!(
        "  - {{name: {name}, type: STATIC, connect_timeout: 5s, {more}load_assignment: {{cluster_name: {name}, endpoints: [{{lb_endpoints: [{}]}}]}}}}\n",
        host.unwrap_or_default()
    )
}

/// The whole file, for a proxy that logs to `log`.
pub fn yaml(upstreams: &Upstreams, log: &str) -> String {
    let mut yaml = "node: {id: differential, cluster: test}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  clusters:
"
    .to_owned();
    yaml += &cluster("main", Some(upstreams.main), "");
    yaml += &cluster("other", Some(upstreams.other), "");
    yaml += &cluster("dead", Some(upstreams.dead), "");
    yaml += &cluster("hostless", None, "");
    yaml += &cluster("http2", Some(upstreams.http2), HTTP2);
    let full = "circuit_breakers: {thresholds: [{max_requests: 0}]}, ";
    yaml += &cluster("full", Some(upstreams.main), full);
    for (name, host) in ["istio", "sni", "plain", "default"].into_iter().zip(upstreams.echoes) {
        yaml += &cluster(name, Some(host), "");
    }
    yaml += "  listeners:\n";
    for (name, more) in HTTP {
        yaml += &listener(name, more, log);
    }
    for (name, cluster, more) in [
        ("tcp", "plain", ""),
        ("tcp-dead", "dead", ""),
        ("tcp-retried", "dead", ", max_connect_attempts: 3"),
        ("tcp-hostless", "hostless", ""),
        ("tcp-missing", "missing", ""),
    ] {
        let chain = format!("filter_chains: [{{filters: [{}]}}]", tcp_proxy(cluster, more, log));
        yaml += &format!("  - {{name: {name}, {ANY_PORT}, {chain}}}\n");
    }
    let chains = sni_chains(log);
    yaml += &format!("  - {{name: sni, {ANY_PORT}, {chains}}}\n");
    let default = format!("default_filter_chain: {{filters: [{}]}}", tcp_proxy("default", "", log));
    yaml += &format!("  - {{name: sni-default, {ANY_PORT}, {chains}, {default}}}\n");
    yaml
}

const ANY_PORT: &str = "address: {socket_address: {address: 127.0.0.1, port_value: 0}}";

fn tcp_proxy(cluster: &str, more: &str, log: &str) -> String {
    format!(
        "{{name: tcp, typed_config: {{'@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, \
         stat_prefix: t, cluster: {cluster}, access_log: {}{more}}}}}",
        access_log(log)
    )
}

/// A gateway's chains: by name and ALPN, by name alone, and plain text.
fn sni_chains(log: &str) -> String {
    let names = "server_names: [server.global, '*.wild.global', outbound_.80_.v1_.server.global]";
    let chain = |name: &str, matched: &str| {
        format!(
            "{{name: {name}, filter_chain_match: {{{matched}}}, filters: [{}]}}",
            tcp_proxy(name, "", log)
        )
    };
    format!(
        "listener_filters: [{{name: tls, typed_config: {{'@type': \
         type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}}}}], filter_chains: [{}, {}, {}]",
        chain("istio", &format!("{names}, application_protocols: [istio, istio-http/1.1]")),
        chain("sni", names),
        chain("plain", "transport_protocol: raw_buffer"),
    )
}
