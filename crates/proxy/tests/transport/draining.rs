//! A proxy that is asked to stop lets connections end.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixtures::echo::tcp::echo;
use crate::fixtures::{ANY_PORT, InTime, address, cluster, start, tcp_proxy, try_start};

fn yaml(app: std::net::SocketAddr) -> String {
    format!(
        "static_resources: {{listeners: [{{name: a, {ANY_PORT}, filter_chains: [{{filters: [{}]}}]}}], clusters: [{}]}}",
        tcp_proxy("app", ""),
        cluster("app", &[app], "")
    )
}

#[tokio::test]
async fn what_is_in_flight_is_finished_and_nothing_new_is_taken() {
    let proxy = start(&yaml(echo("app").await)).await;
    let listener = address(&proxy, "a");
    let mut stream = TcpStream::connect(listener).await.unwrap();
    stream.write_all(b"one").in_time().await.unwrap();
    let mut heard = [0; 7];
    stream.read_exact(&mut heard).in_time().await.unwrap();
    let draining = tokio::spawn(proxy.drain());
    crate::fixtures::eventually(async || std::net::TcpStream::connect(listener).is_err()).await;
    stream.write_all(b"two").in_time().await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).in_time().await.unwrap();
    assert_eq!(answer, "two:bye");
    tokio::time::timeout(Duration::from_secs(2), draining).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_idle_proxy_stops_at_once() {
    let proxy = start(&yaml(echo("app").await)).await;
    let started = Instant::now();
    proxy.drain().in_time().await;
    assert!(started.elapsed() < Duration::from_millis(400), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_at_the_start() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let yaml = yaml(echo("app").await).replace("port_value: 0", &format!("port_value: {port}"));
    let error = try_start(&yaml).await.err().unwrap().to_string();
    assert!(error.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{error}");
}
