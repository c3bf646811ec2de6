//! tcp_proxy carries bytes both ways, and tells each side how the other ended.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::fixtures::authority::Authority;
use crate::fixtures::echo::listen;
use crate::fixtures::echo::tcp::{echo, say};
use crate::fixtures::echo::tls::acceptor;
use crate::fixtures::{
    ANY_PORT, InTime, address, assignment, cluster, eventually, finished, nobody, start, tcp_proxy,
};

fn listener(name: &str, filter: &str) -> String {
    format!("{{name: {name}, {ANY_PORT}, filter_chains: [{{filters: [{filter}]}}]}}")
}

fn bootstrap(filter: &str, clusters: &str) -> String {
    format!("static_resources: {{listeners: [{}], clusters: [{clusters}]}}", listener("a", filter))
}

#[tokio::test]
async fn each_half_ends_by_itself() {
    let proxy = start(&bootstrap(&tcp_proxy("b", ""), &cluster("b", &[echo("b").await], ""))).await;
    // The server says goodbye only after we have ended our half.
    assert_eq!(say(address(&proxy, "a"), b"hello").await.unwrap(), "b:hello:bye");
    let record = finished(&proxy, |_| true).await;
    assert_eq!((record.bytes_received, record.bytes_sent), (5, 11));
    assert_eq!(record.response_flags, "-");
}

#[tokio::test]
async fn a_connection_that_is_logged_when_it_is_established_has_two_lines() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let cluster = cluster("b", &[server.local_addr().unwrap()], "");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let format = "%CONNECTION_ID% %BYTES_RECEIVED% %UPSTREAM_LOCAL_ADDRESS%";
    let log = format!(
        ", access_log_options: {{flush_access_log_on_connected: true}}, access_log: [{{name: file, typed_config: {{\
         '@type': type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: {path:?}, \
         log_format: {{text_format_source: {{inline_string: \"{format}\\n\"}}}}}}}}]"
    );
    let proxy = start(&bootstrap(&tcp_proxy("b", &log), &cluster)).await;
    let lines =
        || std::fs::read_to_string(&path).unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
    let mut stream = TcpStream::connect(address(&proxy, "a")).await.unwrap();
    let (mut upstream, from) = server.accept().in_time().await.unwrap();
    eventually(async || lines().len() == 1).await;
    assert!(lines()[0].ends_with(&format!(" 0 {from}")), "{:?}", lines());
    stream.write_all(b"four").in_time().await.unwrap();
    upstream.read_exact(&mut [0; 4]).in_time().await.unwrap();
    drop((stream, upstream));
    eventually(async || lines().len() == 2).await;
    assert!(lines()[1].ends_with(&format!(" 4 {from}")), "{:?}", lines());
}

#[tokio::test]
async fn large_streams_arrive_whole_against_a_slow_reader() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let cluster = cluster("b", &[server.local_addr().unwrap()], "");
    let proxy = start(&bootstrap(&tcp_proxy("b", ""), &cluster)).await;
    let mut stream = TcpStream::connect(address(&proxy, "a")).await.unwrap();
    let (mut upstream, _) = server.accept().in_time().await.unwrap();
    let sent: Vec<u8> = (0..8 << 20).map(|n: u32| (n ^ (n >> 7)) as u8).collect();
    let expected = sent.clone();
    let writer = tokio::spawn(async move {
        stream.write_all(&sent).in_time().await.unwrap();
        stream.shutdown().await.unwrap();
        stream
    });
    let mut got = Vec::new();
    let mut chunk = vec![0; 1000];
    while got.len() < 100_000 {
        let n = upstream.read(&mut chunk).in_time().await.unwrap();
        got.extend_from_slice(&chunk[..n]);
        tokio::task::yield_now().await;
    }
    upstream.read_to_end(&mut got).in_time().await.unwrap();
    assert!(got == expected);
    writer.in_time().await.unwrap();
}

#[tokio::test]
async fn a_reset_is_passed_on_as_a_reset() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let cluster = cluster("b", &[server.local_addr().unwrap()], "");
    let proxy = start(&bootstrap(&tcp_proxy("b", ""), &cluster)).await;
    let mut stream = TcpStream::connect(address(&proxy, "a")).await.unwrap();
    let (mut upstream, _) = server.accept().in_time().await.unwrap();
    stream.write_all(b"x").in_time().await.unwrap();
    upstream.read_exact(&mut [0]).in_time().await.unwrap();
    socket2::SockRef::from(&upstream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(upstream);
    let error = stream.read(&mut [0]).in_time().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(finished(&proxy, |_| true).await.response_flags, "UC");
}

#[tokio::test]
async fn silence_ends_after_the_idle_timeout() {
    let filter = tcp_proxy("b", ", idle_timeout: 0.2s");
    let proxy = start(&bootstrap(&filter, &cluster("b", &[echo("b").await], ""))).await;
    let mut stream = TcpStream::connect(address(&proxy, "a")).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer, b"b:");
    let record = finished(&proxy, |_| true).await;
    assert_eq!(record.details, "tcp_session_idle_timeout");
}

#[tokio::test]
async fn a_host_that_is_down_is_passed_over_when_more_attempts_are_allowed() {
    let (down, up) = (nobody().await, echo("up").await);
    let filter = tcp_proxy("b", ", max_connect_attempts: 8");
    let proxy = start(&bootstrap(&filter, &cluster("b", &[down, up], ""))).await;
    for _ in 0..8 {
        assert_eq!(say(address(&proxy, "a"), b"").await.unwrap(), "up::bye");
    }
    assert!(finished(&proxy, |record| record.response_flags == "-").await.upstream_host.is_some());
}

#[tokio::test]
async fn failures_are_told_apart() {
    let down = nobody().await;
    let clusters = [
        cluster("down", &[down], ""),
        format!("{{name: empty, type: STATIC, load_assignment: {}}}", assignment("empty", &[])),
        "{name: redirected, type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED}".to_owned(),
    ]
    .join(", ");
    let listeners: Vec<_> =
        ["down", "empty", "redirected", "missing"].map(|name| listener(name, &tcp_proxy(name, ""))).to_vec();
    let yaml = format!("static_resources: {{listeners: [{}], clusters: [{clusters}]}}", listeners.join(", "));
    let proxy = start(&yaml).await;
    for (name, flags, details) in [
        ("down", "UF,URX", "delayed connect error: Connection refused"),
        ("empty", "UH", "no healthy upstream"),
        (
            "redirected",
            "UH",
            "the connection was not redirected here, so it has no original destination to go to",
        ),
        ("missing", "NC", "cluster_not_found"),
    ] {
        assert_eq!(say(address(&proxy, name), b"").await.unwrap_or_default(), "");
        let record = finished(&proxy, |record| record.listener == name).await;
        assert_eq!((record.response_flags.as_str(), record.details.as_str()), (flags, details), "{name}");
    }
}

#[tokio::test]
async fn weights_share_connections_out() {
    let clusters = format!(
        "{}, {}",
        cluster("few", &[echo("few").await], ""),
        cluster("many", &[echo("many").await], "")
    );
    let filter = "{name: tcp, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, \
        stat_prefix: t, weighted_clusters: {clusters: [{name: few, weight: 10}, {name: many, weight: 90}]}}}";
    let proxy = start(&bootstrap(filter, &clusters)).await;
    let mut few = 0;
    for _ in 0..200 {
        few += usize::from(say(address(&proxy, "a"), b"").await.unwrap() == "few::bye");
    }
    assert!((4..60).contains(&few), "{few} of 200");
}

#[tokio::test]
async fn a_name_server_tells_the_hosts_of_a_dns_cluster() {
    let app = echo("named").await;
    let cluster = format!(
        "{{name: b, type: STRICT_DNS, dns_lookup_family: V4_ONLY, load_assignment: {{cluster_name: b, endpoints: [{{lb_endpoints: \
         [{{endpoint: {{address: {{socket_address: {{address: localhost, port_value: {}}}}}}}}}]}}]}}}}",
        app.port()
    );
    let proxy = start(&bootstrap(&tcp_proxy("b", ""), &cluster)).await;
    proxy.ready().in_time().await;
    crate::fixtures::eventually(async || proxy.env().clusters.get("b").is_some()).await;
    assert_eq!(say(address(&proxy, "a"), b"x").await.unwrap(), "named:x:bye");
}

/// As many TLS servers end a connection: by a FIN, without close_notify.
#[tokio::test]
async fn a_tls_peer_that_only_hangs_up_has_said_all_that_it_sent() {
    const SIZE: usize = 4 << 20;
    let identity = Authority::new("root").host("b.example");
    let server = listen(move |stream| {
        let acceptor = acceptor(&identity);
        async move {
            let mut stream = acceptor.accept(stream).await?;
            stream.write_all(&vec![b'x'; SIZE]).await?;
            stream.flush().await?;
            let (mut socket, _) = stream.into_inner();
            socket.shutdown().await?;
            // A socket that is closed with something unread would be reset.
            tokio::io::copy(&mut socket, &mut tokio::io::sink()).await.map(drop)
        }
    })
    .await;
    let tls = "transport_socket: {name: tls, typed_config: {'@type': \
               type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext}}";
    let cluster = cluster("b", &[server], &format!(", {tls}"));
    let proxy = start(&bootstrap(&tcp_proxy("b", ""), &cluster)).await;
    let mut client = TcpStream::connect(address(&proxy, "a")).await.unwrap();
    let mut read = Vec::new();
    client.read_to_end(&mut read).in_time().await.unwrap();
    assert_eq!(read.len(), SIZE);
}
