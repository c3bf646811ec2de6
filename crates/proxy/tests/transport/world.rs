//! A proxy under test, its neighbours, and what it wrote down.

use std::net::SocketAddr;
use std::time::Duration;

use carrick_proxy::bootstrap::Bootstrap;
use carrick_proxy::flow::FlowRecord;
use carrick_proxy::runtime::{Proxy, ProxyOptions, StartError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// No story waits for ever.
pub trait InTime: Future + Sized {
    async fn in_time(self) -> Self::Output {
        let waited = tokio::time::timeout(Duration::from_secs(20), self).await;
        waited.unwrap_or_else(|_elapsed| panic!("it did not come to pass in 20 s"))
    }
}

impl<F: Future> InTime for F {}

pub async fn try_proxy(yaml: &str) -> Result<Proxy, StartError> {
    let bootstrap = Bootstrap::from_yaml(yaml).unwrap();
    Proxy::start(ProxyOptions { bootstrap, concurrency: None, drain_time: Duration::from_secs(5) }).await
}

pub async fn proxy(yaml: &str) -> Proxy {
    try_proxy(yaml).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Where a listener ended up.
pub fn address(proxy: &Proxy, listener: &str) -> SocketAddr {
    let all = proxy.registry().listeners.all();
    all.iter().find(|one| one.name == listener).unwrap_or_else(|| panic!("{listener} in {all:?}")).address
}

pub fn flows(proxy: &Proxy) -> Vec<FlowRecord> {
    proxy.env().flows.since(0)
}

/// Waits until the proxy wrote down a finished record that is like this.
pub async fn finished(proxy: &Proxy, like: impl Fn(&FlowRecord) -> bool) -> FlowRecord {
    let found = || flows(proxy).into_iter().find(|record| record.duration_micros > 0 && like(record));
    eventually(|| found().is_some()).await;
    found().unwrap()
}

/// Waits until something is so, which nothing tells us about.
pub async fn eventually(mut is_so: impl FnMut() -> bool) {
    let patience = tokio::time::Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(tokio::time::Instant::now() < patience, "it did not come to pass in 10 s");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A server that says its name, then what it hears, until the client is done; then it says goodbye.
pub async fn echo(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                write.write_all(format!("{name}:").as_bytes()).await?;
                tokio::io::copy(&mut read, &mut write).await?;
                write.write_all(b":bye").await
            });
        }
    });
    address
}

/// An address where nobody listens.
pub async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Says something, ends its half, and returns all that comes back.
pub async fn say(address: SocketAddr, words: &[u8]) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(words).await?;
    stream.shutdown().await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).in_time().await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// A cluster of type STATIC, as YAML in flow style.
pub fn static_cluster(name: &str, hosts: &[SocketAddr]) -> String {
    format!("{{name: {name}, type: STATIC, load_assignment: {}}}", assignment(name, hosts))
}

pub fn assignment(name: &str, hosts: &[SocketAddr]) -> String {
    let hosts: Vec<_> =
        hosts.iter().map(|host| format!("{{endpoint: {{address: {}}}}}", socket_address(*host))).collect();
    format!("{{cluster_name: {name}, endpoints: [{{lb_endpoints: [{}]}}]}}", hosts.join(", "))
}

pub fn socket_address(address: SocketAddr) -> String {
    format!("{{socket_address: {{address: {}, port_value: {}}}}}", address.ip(), address.port())
}

/// A tcp_proxy filter; `more` are further fields.
pub fn tcp_proxy(cluster: &str, more: &str) -> String {
    format!(
        "{{name: tcp, typed_config: {{'@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, \
         stat_prefix: t, cluster: {cluster}{more}}}}}"
    )
}

pub const ANY_PORT: &str = "address: {socket_address: {address: 127.0.0.1, port_value: 0}}";

pub const TLS_INSPECTOR: &str = "{name: tls, typed_config: {'@type': \
    type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}}";
