//! A gateway passes TLS through by the name in the ClientHello, and closes everything else.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use carrick_proxy::runtime::Proxy;
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixtures::authority::Authority;
use crate::fixtures::echo::tcp::echo;
use crate::fixtures::echo::tls::tls_echo;
use crate::fixtures::tls::{client_config, connect, say};
use crate::fixtures::yaml::TLS_INSPECTOR;
use crate::fixtures::{ANY_PORT, InTime, address, cluster, finished, start, tcp_proxy};

/// A gateway for `server.global` and everything under `wild.global`, with a default chain that
/// nobody should get by being unclear.
async fn gateway(more: &str) -> (Proxy, SocketAddr) {
    let server = tls_echo("server", &Authority::new("ca").host("server.global")).await;
    let other = echo("default").await;
    let proxy = start(&format!(
        "static_resources:
  listeners:
  - {{name: gateway, {ANY_PORT}, listener_filters: [{TLS_INSPECTOR}], {more}
      default_filter_chain: {{name: default, filters: [{default}]}},
      filter_chains: [{{name: sni, filter_chain_match: {{server_names: [Server.global, '*.wild.global']}}, filters: [{filter}]}}]}}
  clusters: [{server}, {other}]
",
        filter = tcp_proxy("server", ""),
        default = tcp_proxy("other", ""),
        server = cluster("server", &[server], ""),
        other = cluster("other", &[other], ""),
    ))
    .await;
    let address = address(&proxy, "gateway");
    (proxy, address)
}

/// The first bytes of a real client.
fn hello(name: &str) -> Vec<u8> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(client_config(None), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

/// The same handshake message, one byte per record.
fn in_tiny_records(hello: &[u8]) -> Vec<u8> {
    hello[5..].iter().flat_map(|byte| [22, 3, 1, 0, 1, *byte]).collect()
}

/// How the other side ends a connection that we wrote this to, by itself: what it sent until then.
async fn ending(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The other side may already be gone while we write.
    let _ = stream.write_all(bytes).in_time().await;
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer));
    // A reset is an end, too.
    let _ = ended.await.expect("the proxy closes the connection by itself");
    answer
}

/// The first bytes that come back for these.
async fn greeting(address: SocketAddr, bytes: &[u8]) -> [u8; 8] {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).in_time().await.unwrap();
    let mut greeting = [0; 8];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut greeting));
    read.await.expect("a greeting in time").unwrap();
    greeting
}

#[tokio::test]
async fn names_lead_to_servers_and_the_record_tells() {
    let (proxy, gateway) = gateway("").await;
    for name in ["server.global", "SERVER.Global", "a.b.wild.global"] {
        let mut stream = connect(gateway, name, None).await.unwrap();
        let answer = say(&mut stream, b"hi").await.unwrap();
        assert_eq!(answer, format!("server as {}:hi", name.to_lowercase()));
    }
    let record = finished(&proxy, |record| {
        record.downstream.as_ref().and_then(|tls| tls.sni.as_deref()) == Some("a.b.wild.global")
    })
    .await;
    let tls = record.downstream.unwrap();
    assert!(!tls.terminated && tls.client_hello_random.len() == 64, "{tls:?}");
    assert_eq!((record.kind.as_str(), record.filter_chain.as_str()), ("tcp", "sni"));
    assert!(record.upstream_connect_micros.is_some() && record.bytes_received > 0 && record.bytes_sent > 0);
}

#[tokio::test]
async fn a_hello_may_come_byte_by_byte() {
    let (_proxy, gateway) = gateway("").await;
    let whole = hello("server.global");
    assert!(whole.len() > 1400, "a post-quantum hello");
    for bytes in [whole.clone(), in_tiny_records(&whole)] {
        let mut stream = TcpStream::connect(gateway).await.unwrap();
        stream.set_nodelay(true).unwrap();
        for byte in &bytes {
            stream.write_all(&[*byte]).in_time().await.unwrap();
        }
        let mut record = [0; 5];
        stream.read_exact(&mut record).in_time().await.unwrap();
        // The server's own answer: a handshake record.
        assert_eq!(record[0], 22);
    }
}

#[tokio::test]
async fn what_is_unclear_is_closed_and_never_gets_the_default() {
    let (proxy, gateway) = gateway("").await;
    let mut with_nul = hello("server.global");
    let at = with_nul.windows(6).position(|window| window == b"server").unwrap();
    with_nul[at + 6] = 0;
    let truncated_list = [&[22, 3, 1, 0, 8, 1, 0, 0, 4][..], &[3, 3, 0, 0]].concat();
    let oversized = [22, 3, 1, 0, 4, 1, 1, 0, 0];
    for bytes in [with_nul.as_slice(), &truncated_list, &oversized] {
        assert_eq!(ending(gateway, bytes).await, b"");
    }
    // Other names and plain text have a chain: the default.
    assert_eq!(&greeting(gateway, &hello("other.global")).await, b"default:");
    assert_eq!(&greeting(gateway, b"plain text").await, b"default:");
    let refused = finished(&proxy, |record| record.kind == "refused").await;
    assert!(refused.details.contains("ClientHello"), "{refused:?}");
}

#[tokio::test]
async fn half_a_hello_is_closed_in_five_seconds_even_where_silence_is_allowed() {
    let (_proxy, gateway) =
        gateway("listener_filters_timeout: 0s, continue_on_listener_filters_timeout: true,").await;
    let started = Instant::now();
    let half = hello("server.global");
    let answers = futures_util::future::join_all((0..50).map(|_| ending(gateway, &half[..100]))).await;
    assert!(answers.iter().all(Vec::is_empty));
    assert!((4..6).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_client_that_waits_for_the_server_goes_on_after_the_timeout() {
    let (_proxy, gateway) =
        gateway("listener_filters_timeout: 0.1s, continue_on_listener_filters_timeout: true,").await;
    assert_eq!(&greeting(gateway, b"").await, b"default:");
}

#[tokio::test]
async fn without_continuing_silence_is_closed() {
    let (_proxy, gateway) = gateway("listener_filters_timeout: 0.1s,").await;
    assert_eq!(ending(gateway, b"").await, b"");
}
