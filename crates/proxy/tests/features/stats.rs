//! What is counted, and when: both proxies count the same under the same names.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::fixtures::echo::http2::echo;
use crate::fixtures::yaml::{http, http_with};
use crate::fixtures::{ANY_PORT, bootstrap, cluster, nobody};
use crate::server::Server;
use crate::subjects::both;

fn route(name: &str, action: &str) -> String {
    format!("{{name: {name}, match: {{prefix: /{name}}}, route: {{{action}}}}}")
}

fn tcp(name: &str, cluster: &str) -> String {
    format!(
        "{{name: {name}, {ANY_PORT}, filter_chains: [{{filters: [{{name: t, typed_config: {{\
         '@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, \
         stat_prefix: {name}, cluster: {cluster}}}}}]}}]}}"
    )
}

/// HTTP options of a cluster, as further fields of it.
fn options(protocol: &str, common: &str) -> String {
    format!(
        ", typed_extension_protocol_options: {{envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {{\
         '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, \
         explicit_http_config: {{{protocol}: {{}}}}, common_http_protocol_options: {{{common}}}}}}}"
    )
}

#[tokio::test]
async fn what_took_too_long() {
    let server = Server::start("b").await;
    let routes = [
        route("whole", "cluster: b, timeout: 0.2s"),
        route("try", "cluster: b, retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.2s}"),
        route("idle", "cluster: b, timeout: 0s, idle_timeout: 0.2s"),
        route("sent", "cluster: b, timeout: 0s"),
    ];
    let host = format!("{{name: all, domains: ['*'], routes: [{}]}}", routes.join(", "));
    let listener = http_with("", &host, ", request_timeout: 0.3s");
    let yaml = bootstrap(&[listener], &[cluster("b", &[server.address], "")]);
    for subject in &both(&yaml).await {
        for path in ["/whole", "/try", "/idle"] {
            assert_eq!(subject.get(path, &["-H", "x-wait: 2000"]).await.status, 504, "{}", subject.name);
        }
        // A request that never comes to its end.
        let mut client = TcpStream::connect(subject.address("http")).await.unwrap();
        client.write_all(b"POST /sent HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", subject.name);
        subject
            .counted(&[
                ("cluster.b.upstream_rq_timeout", 1),
                ("cluster.b.upstream_rq_per_try_timeout", 2),
                ("http.s.downstream_rq_idle_timeout", 1),
                ("http.s.downstream_rq_timeout", 1),
            ])
            .await;
    }
}

#[tokio::test]
async fn a_retry_that_helped() {
    let (bad, good) = (Server::failing("bad", 503).await, Server::start("good").await);
    let policy = "cluster: b, retry_policy: {retry_on: 5xx, num_retries: 1, \
        retry_host_predicate: [{name: envoy.retry_host_predicates.previous_hosts, typed_config: {'@type': \
        type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}}], \
        host_selection_retry_max_attempts: 5}";
    let cluster = cluster("b", &[bad.address, good.address], "");
    let yaml = bootstrap(&[http("", &route("r", policy))], &[cluster]);
    for subject in &both(&yaml).await {
        for _ in 0..8 {
            assert_eq!(subject.get("/r", &[]).await.body, "good", "{}", subject.name);
        }
        let retries = subject.stat("cluster.b.upstream_rq_retry").await;
        assert!(retries > 0, "{}", subject.name);
        // And one that did not: both attempts fail.
        assert_eq!(subject.get("/r", &["-H", "x-status: 500"]).await.status, 500, "{}", subject.name);
        subject
            .counted(&[
                ("cluster.b.upstream_rq_retry", retries + 1),
                ("cluster.b.upstream_rq_retry_success", retries),
                ("cluster.b.upstream_rq_retry_limit_exceeded", 1),
            ])
            .await;
    }
}

#[tokio::test]
async fn streams_that_were_reset_by_either_side() {
    let (resets, waits) = (echo("resets").await, Server::start("waits").await);
    let routes = [route("h2", "cluster: resets"), route("w", "cluster: waits, timeout: 0.2s")];
    let http2 = options("http2_protocol_options", "");
    let clusters = [cluster("resets", &[resets], &http2), cluster("waits", &[waits.address], &http2)];
    let yaml = bootstrap(&[http("", &routes.join(", "))], &clusters);
    for subject in &both(&yaml).await {
        assert_eq!(subject.get("/h2/reset", &[]).await.status, 503, "{}", subject.name);
        subject.get("/h2/half", &[]).await;
        assert_eq!(subject.get("/h2/echo", &[]).await.status, 200, "{}", subject.name);
        assert_eq!(subject.get("/w", &["-H", "x-wait: 2000"]).await.status, 504, "{}", subject.name);
        subject
            .counted(&[
                ("cluster.resets.upstream_rq_rx_reset", 2),
                ("cluster.resets.upstream_rq_tx_reset", 0),
                ("cluster.waits.upstream_rq_tx_reset", 1),
                ("cluster.waits.upstream_rq_rx_reset", 0),
            ])
            .await;
    }
}

#[tokio::test]
async fn how_connections_end() {
    let server = Server::start("b").await;
    let addresses = [server.address];
    let http1 = |common: &str| options("http_protocol_options", common);
    let clusters = [
        cluster("idle", &addresses, &http1("idle_timeout: 0.2s")),
        cluster("idle2", &addresses, &options("http2_protocol_options", "idle_timeout: 0.2s")),
        cluster("once", &addresses, &http1("max_requests_per_connection: 1")),
        cluster("once2", &addresses, &options("http2_protocol_options", "max_requests_per_connection: 1")),
        cluster("nobody", &[], ""),
        cluster("down", &[nobody().await], ""),
    ];
    let names = ["idle", "idle2", "once", "once2", "nobody", "down"];
    // `/once2` must not be taken for `/once`.
    let routes: Vec<_> = names.iter().rev().map(|name| route(name, &format!("cluster: {name}"))).collect();
    let yaml = bootstrap(&[http("", &routes.join(", "))], &clusters);
    for subject in &both(&yaml).await {
        for name in names {
            let status = if ["nobody", "down"].contains(&name) { 503 } else { 200 };
            let reply = subject.get(&format!("/{name}"), &[]).await;
            assert_eq!(reply.status, status, "{}: {name}", subject.name);
        }
        subject
            .counted(&[
                ("cluster.idle.upstream_cx_idle_timeout", 1),
                ("cluster.idle.upstream_cx_destroy", 1),
                ("cluster.idle2.upstream_cx_idle_timeout", 1),
                ("cluster.idle2.upstream_cx_destroy", 1),
                ("cluster.once.upstream_cx_max_requests", 1),
                ("cluster.once.upstream_cx_idle_timeout", 0),
                ("cluster.once.upstream_cx_destroy", 1),
                ("cluster.once2.upstream_cx_max_requests", 1),
                ("cluster.nobody.upstream_cx_none_healthy", 1),
                ("cluster.nobody.upstream_cx_total", 0),
                ("cluster.down.upstream_cx_total", 1),
                ("cluster.down.upstream_cx_connect_fail", 1),
                ("cluster.down.upstream_cx_destroy", 1),
            ])
            .await;
    }
}

/// Answers every five bytes with eleven, until its client has no more to say.
async fn eleven_for_five() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut five = [0; 5];
                while stream.read_exact(&mut five).await.is_ok() {
                    stream.write_all(b"eleven byte").await.unwrap();
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn bytes_and_connections_of_plain_tcp() {
    let clusters = [
        cluster("e", &[eleven_for_five().await], ""),
        cluster("nobody", &[], ""),
        cluster("down", &[nobody().await], ""),
    ];
    let listeners = [tcp("up", "e"), tcp("empty", "nobody"), tcp("closed", "down")];
    let yaml = bootstrap(&listeners, &clusters);
    for subject in &both(&yaml).await {
        let mut client = TcpStream::connect(subject.address("up")).await.unwrap();
        let mut answer = [0; 11];
        client.write_all(b"five!").await.unwrap();
        client.read_exact(&mut answer).await.unwrap();
        // While the connection lasts.
        subject
            .counted(&[
                ("tcp.up.downstream_cx_rx_bytes_total", 5),
                ("tcp.up.downstream_cx_tx_bytes_total", 11),
                ("cluster.e.upstream_cx_rx_bytes_total", 11),
                ("cluster.e.upstream_cx_tx_bytes_total", 5),
                ("cluster.e.upstream_cx_total", 1),
                ("cluster.e.upstream_cx_destroy", 0),
                ("cluster.e.upstream_rq_total", 1),
            ])
            .await;
        client.write_all(b"again").await.unwrap();
        client.shutdown().await.unwrap();
        client.read_to_end(&mut Vec::new()).await.unwrap();
        for listener in ["empty", "closed"] {
            let mut client = TcpStream::connect(subject.address(listener)).await.unwrap();
            let _closed = client.read(&mut [0]).await;
        }
        subject
            .counted(&[
                ("tcp.up.downstream_cx_total", 1),
                ("tcp.up.downstream_cx_rx_bytes_total", 10),
                ("tcp.up.downstream_cx_tx_bytes_total", 22),
                ("cluster.e.upstream_cx_rx_bytes_total", 22),
                ("cluster.e.upstream_cx_tx_bytes_total", 10),
                ("cluster.e.upstream_cx_destroy", 1),
                ("cluster.nobody.upstream_cx_none_healthy", 1),
                ("cluster.nobody.upstream_cx_total", 0),
                ("cluster.down.upstream_cx_connect_fail", 1),
                ("cluster.down.upstream_cx_destroy", 1),
                ("cluster.down.upstream_rq_total", 0),
            ])
            .await;
    }
}

#[tokio::test]
async fn bytes_of_http() {
    let server = Server::start("b").await;
    let yaml = bootstrap(&[http("", &route("r", "cluster: b"))], &[cluster("b", &[server.address], "")]);
    let [carrick, envoy] = &both(&yaml).await;
    let body = "x".repeat(10_000);
    for subject in [carrick, envoy] {
        assert_eq!(subject.get("/r", &["-d", &body]).await.body, "b", "{}", subject.name);
        let sent = subject.stat("cluster.b.upstream_cx_tx_bytes_total").await;
        assert!((10_050..11_000).contains(&sent), "{}: {sent}", subject.name);
    }
    // The same answer to both.
    let received = envoy.stat("cluster.b.upstream_cx_rx_bytes_total").await;
    carrick.counted(&[("cluster.b.upstream_cx_rx_bytes_total", received)]).await;
}
