//! The decisions of the data plane, asked from outside with the messages that a control plane
//! sends: which listener and chain a connection gets, what the access rules say, and where it goes,
//! or its requests.

// A failing unwrap or a panic here is a failing test.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use carrick_policy::chain::ChainFacts;
use carrick_policy::connection::{ClientHello, ConnectionInfo, TlsFacts};
use carrick_policy::head::RequestHead;
use carrick_policy::http::filters::FilterKind;
use carrick_policy::http::plan::{Plan, plan};
use carrick_policy::http::{RouteSource, RouteTable};
use carrick_policy::listener::config::{ChainConfig, ListenerConfig, NetworkFilter};
use carrick_policy::listener::destination::ByDestination;
use carrick_policy::rbac::Subject;
use carrick_xds::json::from_yaml;
use http::{HeaderMap, Method};

const TCP: &str = "'@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";
const RBAC: &str = "'@type': type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC";
const HTTP: &str = "'@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const HTTP_RBAC: &str = "'@type': type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC";
const ROUTER: &str = "'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";

fn listener(yaml: &str) -> ListenerConfig {
    ListenerConfig::from_proto(&from_yaml(yaml).unwrap()).unwrap()
}

/// A listener for an address, with these chains.
fn at(address: &str, port: u16, chains: &str) -> ListenerConfig {
    listener(&format!(
        "{{name: '{address}_{port}', address: {{socket_address: {{address: {address}, port_value: {port}}}}}, {chains}}}"
    ))
}

fn passes_to(cluster: &str) -> String {
    format!("{{name: t, typed_config: {{{TCP}, stat_prefix: a, cluster: {cluster}}}}}")
}

/// A TLS connection that is passed through.
fn connection(to: &str, server_name: &str) -> ConnectionInfo {
    let hello = ClientHello { server_name: Some(server_name.to_owned()), ..ClientHello::default() };
    ConnectionInfo {
        remote: "10.1.0.9:40000".parse().unwrap(),
        local: to.parse().unwrap(),
        client_hello: Some(Arc::new(hello)),
        ..ConnectionInfo::own(SystemTime::UNIX_EPOCH)
    }
}

/// The chain that the connection gets.
fn chain<'a>(listener: &'a ListenerConfig, info: &ConnectionInfo) -> Option<&'a Arc<ChainConfig>> {
    let hello = info.client_hello.as_deref().unwrap();
    let facts = ChainFacts {
        destination: (info.local.ip(), info.local.port()),
        source: (info.remote.ip(), info.remote.port()),
        server_name: hello.server_name.as_deref().unwrap_or_default(),
        transport_protocol: "tls",
        application_protocols: &hello.alpn,
    };
    listener.choose(&facts).and_then(|index| listener.all_chains().nth(index))
}

fn cluster(chain: &ChainConfig) -> &str {
    match &chain.filter {
        NetworkFilter::TcpProxy(config) => config.target.cluster(0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_connection_goes_to_the_listener_of_its_destination_and_to_the_chain_of_its_name() {
    let chains = format!(
        "filter_chains: [{{name: a, filter_chain_match: {{server_names: [a.example]}}, filters: [{}]}}, \
         {{name: wild, filter_chain_match: {{server_names: ['*.example']}}, filters: [{}]}}], \
         default_filter_chain: {{name: rest, filters: [{}]}}",
        passes_to("exact"),
        passes_to("wildcard"),
        passes_to("other")
    );
    let only_named = format!(
        "filter_chains: [{{filter_chain_match: {{server_names: [b.example]}}, filters: [{}]}}]",
        passes_to("b")
    );
    let listeners = [at("0.0.0.0", 443, &chains), at("10.0.0.5", 443, &only_named)];
    let by_destination: ByDestination<&ListenerConfig> =
        listeners.iter().map(|listener| (listener.address, listener)).collect();
    let decided = |to: &str, name: &str| {
        let listener = by_destination.find(to.parse::<SocketAddr>().unwrap())?;
        chain(listener, &connection(to, name)).map(|chain| cluster(chain))
    };
    assert_eq!(decided("10.0.0.6:443", "a.example"), Some("exact"));
    assert_eq!(decided("10.0.0.6:443", "x.y.example"), Some("wildcard"));
    assert_eq!(decided("10.0.0.6:443", "other.test"), Some("other"));
    assert_eq!(decided("10.0.0.5:443", "b.example"), Some("b"));
    assert_eq!(decided("10.0.0.5:443", "a.example"), None, "no chain of the exact address is for it");
    assert_eq!(decided("10.0.0.5:80", "a.example"), None, "nobody listens there");
}

#[test]
fn access_rules_of_connections_say_who_is_refused_and_by_which_policy() {
    let rules = "{action: DENY, policies: {not-b: {permissions: [{requested_server_name: {suffix: .b.example}}], principals: [{any: true}]}}}";
    let listener = at(
        "0.0.0.0",
        443,
        &format!(
            "filter_chains: [{{filters: [{{name: r, typed_config: {{{RBAC}, stat_prefix: a, rules: {rules}}}}}, {}]}}]",
            passes_to("c")
        ),
    );
    let refused = |name: &str| {
        let info = connection("10.0.0.5:443", name);
        let chain = chain(&listener, &info).unwrap();
        chain.rbac.iter().find_map(|rbac| rbac.refuses(&info))
    };
    assert_eq!(refused("a.example"), None);
    assert_eq!(refused("x.b.example").as_deref(), Some("rbac_access_denied_matched_policy[not-b]"));
}

#[test]
fn a_request_is_judged_by_its_rules_and_goes_where_its_route_says() {
    let rules = "{policies: {shop: {permissions: [{url_path: {path: {prefix: /api}}}], \
                 principals: [{authenticated: {principal_name: {exact: 'spiffe://a/ns/b/sa/c'}}}]}}}";
    let manager = format!(
        "{{name: h, typed_config: {{{HTTP}, stat_prefix: a, rds: {{route_config_name: r, config_source: {{ads: {{}}}}}}, http_filters: \
         [{{name: rbac, typed_config: {{{HTTP_RBAC}, rules: {rules}}}}}, {{name: router, typed_config: {{{ROUTER}}}}}]}}}}"
    );
    let listener = at("0.0.0.0", 80, &format!("filter_chains: [{{filters: [{manager}]}}]"));
    let NetworkFilter::Http(manager) = &listener.chains[0].filter else { panic!("{listener:?}") };
    let RouteSource::Rds(name) = manager.route_source() else { panic!("{manager:?}") };
    assert_eq!(name, "r");
    let table = "{name: r, virtual_hosts: [{name: v, domains: [a.example], routes: [{name: api, match: {prefix: /api, \
                 headers: [{name: x, string_match: {exact: '1'}}]}, route: {cluster: one}}, {match: {prefix: /}, route: {cluster: rest}}]}]}";
    let table = RouteTable::from_proto(&from_yaml(table).unwrap()).unwrap();
    let ask = |authority: &str, path: &str, x: &str| {
        let headers: HeaderMap =
            [(http::HeaderName::from_static("x"), x.parse().unwrap())].into_iter().collect();
        let (method, scheme) = (&Method::GET, "http");
        match plan(&RequestHead { method, scheme, authority, path, headers: &headers, random: 0 }, &table) {
            Plan::Forward(plan) => format!("{} {}", plan.route.name, plan.cluster),
            Plan::Answer(reply, _) => reply.status.as_u16().to_string(),
        }
    };
    assert_eq!(ask("a.example", "/api/1", "1"), "api one");
    assert_eq!(ask("a.example", "/api/1", "2"), " rest");
    assert_eq!(ask("b.example", "/", "1"), "404");

    let FilterKind::Rbac(rbac) = &manager.filters[0].kind else { panic!("{manager:?}") };
    let allowed = |peer: &str, path: &str| {
        let facts = TlsFacts {
            peer_uri_sans: vec![peer.to_owned()],
            peer_certificate_sha256: Some("00".to_owned()),
            ..TlsFacts::default()
        };
        let info = ConnectionInfo { tls: Some(Arc::new(facts)), ..connection("10.0.0.5:80", "a.example") };
        let (headers, method) = (HeaderMap::new(), Method::GET);
        let head = RequestHead {
            method: &method,
            scheme: "http",
            authority: "a.example",
            path,
            headers: &headers,
            random: 0,
        };
        let judged = rbac.judge(&Subject { connection: &info, client: info.remote, head: Some(&head) });
        judged.rules.unwrap().is_ok()
    };
    assert!(allowed("spiffe://a/ns/b/sa/c", "/api?x"));
    assert!(!allowed("spiffe://a/ns/b/sa/c", "/other"));
    assert!(!allowed("spiffe://a/ns/b/sa/d", "/api"));
}
