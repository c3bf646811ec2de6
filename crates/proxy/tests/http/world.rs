//! A proxy under test and what stories need around it.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use carrick_proxy::bootstrap::Bootstrap;
use carrick_proxy::flow::FlowRecord;
use carrick_proxy::runtime::{Proxy, ProxyOptions};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::support::raw::{Reader, Response};

/// No story waits for ever.
pub trait InTime: Future + Sized {
    async fn in_time(self) -> Self::Output {
        let waited = tokio::time::timeout(Duration::from_secs(20), self).await;
        waited.unwrap_or_else(|_elapsed| panic!("it did not come to pass in 20 s"))
    }
}

impl<F: Future> InTime for F {}

/// Waits until something is so, which nothing tells us about.
pub async fn eventually(mut is_so: impl FnMut() -> bool) {
    let patience = tokio::time::Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(tokio::time::Instant::now() < patience, "it did not come to pass in 10 s");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub async fn start(yaml: &str) -> Proxy {
    let bootstrap = Bootstrap::from_yaml(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    let options = ProxyOptions { bootstrap, concurrency: None, drain_time: Duration::from_secs(5) };
    Proxy::start(options).await.unwrap_or_else(|error| panic!("{error}"))
}

pub fn address(proxy: &Proxy) -> SocketAddr {
    proxy.registry().listeners.all()[0].address
}

/// Waits for the record of a finished request.
pub async fn finished(proxy: &Proxy, like: impl Fn(&FlowRecord) -> bool) -> FlowRecord {
    let found = || proxy.env().flows.since(0).into_iter().find(|record| like(record));
    eventually(|| found().is_some()).await;
    found().unwrap()
}

const HCM: &str =
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const ROUTER: &str =
    "{name: r, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}";

/// One listener. `chain` and `manager` are further fields of theirs, in flow style and ending in a comma.
pub fn listener(chain: &str, manager: &str, routes: &str) -> String {
    format!(
        "{{name: http, address: {{socket_address: {{address: 127.0.0.1, port_value: 0}}}}, filter_chains: [{{{chain} filters: [{{name: h, \
         typed_config: {{'@type': {HCM}, stat_prefix: s, {manager} http_filters: [{ROUTER}], route_config: {{virtual_hosts: \
         [{{name: v, domains: ['*'], routes: [{routes}]}}]}}}}}}]}}]}}"
    )
}

pub fn bootstrap(listener: &str, clusters: &[String]) -> String {
    format!("static_resources: {{listeners: [{listener}], clusters: [{}]}}", clusters.join(", "))
}

/// A proxy that sends everything to cluster `app`.
pub async fn in_front_of(app: SocketAddr, manager: &str) -> Proxy {
    let listener = listener("", manager, "{match: {prefix: /}, route: {cluster: app}}");
    start(&bootstrap(&listener, &[cluster("app", &[app], "")])).await
}

pub const HTTP2: &str = "typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {'@type': \
    type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http2_protocol_options: {}}}}, ";

pub fn cluster(name: &str, hosts: &[SocketAddr], more: &str) -> String {
    let host = |host: &SocketAddr| {
        format!(
            "{{endpoint: {{address: {{socket_address: {{address: {}, port_value: {}}}}}}}}}",
            host.ip(),
            host.port()
        )
    };
    let hosts: Vec<_> = hosts.iter().map(host).collect();
    format!(
        "{{name: {name}, type: STATIC, {more} load_assignment: {{cluster_name: {name}, endpoints: [{{lb_endpoints: [{}]}}]}}}}",
        hosts.join(", ")
    )
}

/// What curl prints, with these arguments and this input.
pub async fn curl(arguments: &[&str], input: &[u8]) -> String {
    let mut child = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "15"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("these stories need curl: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // Curl may not want to read all of it.
    tokio::spawn(async move { stdin.write_all(&input).await });
    let output = child.wait_with_output().in_time().await.unwrap();
    assert!(output.status.success(), "curl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A connection on which requests are written by hand.
pub async fn connect(proxy: &Proxy) -> Reader<TcpStream> {
    Reader::new(TcpStream::connect(address(proxy)).await.unwrap())
}

/// Sends bytes and reads the answer.
pub async fn ask(reader: &mut Reader<TcpStream>, bytes: &str) -> Response {
    reader.stream().write_all(bytes.as_bytes()).await.unwrap();
    reader.response(bytes.starts_with("HEAD ")).await.unwrap_or_else(|end| panic!("{bytes}: {end:?}"))
}
