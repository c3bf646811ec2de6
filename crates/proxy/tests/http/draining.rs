//! A proxy that is asked to stop finishes what it has begun, and no client notices more than a
//! closed connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use http::Request;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::client::{address, ask, connect, in_front_of};
use crate::fixtures::InTime;
use crate::fixtures::echo::http1;
use crate::fixtures::raw::Reader;

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// Asks again and again over one connection after another, until no new one can be made. Returns
/// how often it was told that a connection ends.
async fn keep_asking(proxy: std::net::SocketAddr, asked: Arc<AtomicU32>) -> u32 {
    let mut told = 0;
    loop {
        let Ok(stream) = TcpStream::connect(proxy).await else { return told };
        let mut reader = Reader::new(stream);
        let mut first = true;
        loop {
            let sent = reader.stream().write_all(GET).await;
            match (sent, reader.response(false).await) {
                (Ok(()), Ok(response)) => {
                    assert_eq!(response.status, 200);
                    asked.fetch_add(1, Ordering::Relaxed);
                    first = false;
                    if response.header("connection") == Some("close") {
                        told += 1;
                        break;
                    }
                }
                // A new connection may find the listener closed behind it.
                _ if first => break,
                (sent, outcome) => panic!("cut off in the midst: {sent:?}, {outcome:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_every_answer_arrives_and_the_last_one_says_so() {
    let proxy = in_front_of(http1::echo("app").await, "").await;
    let asked = Arc::new(AtomicU32::new(0));
    let clients: Vec<_> =
        (0..16).map(|_| tokio::spawn(keep_asking(address(&proxy), asked.clone()))).collect();
    crate::fixtures::eventually(async || asked.load(Ordering::Relaxed) > 200).await;
    proxy.drain().in_time().await;
    for client in clients {
        assert!(client.in_time().await.unwrap() >= 1, "no client is left without a word");
    }
}

#[tokio::test]
async fn http2_clients_are_told_to_go_and_their_streams_are_finished() {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = in_front_of(server.local_addr().unwrap(), "").await;
    let stream = TcpStream::connect(address(&proxy)).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).in_time().await.unwrap();
    let ended = Arc::new(AtomicBool::new(false));
    let connection_ended = ended.clone();
    tokio::spawn(async move {
        // GOAWAY without an error.
        connection.await.unwrap();
        connection_ended.store(true, Ordering::Relaxed);
    });
    let mut client = client.ready().in_time().await.unwrap();
    let request = Request::builder().uri("http://a/").body(()).unwrap();
    let (response, _) = client.send_request(request, true).unwrap();
    let (mut upstream, _) = server.accept().in_time().await.unwrap();
    let listener = address(&proxy);
    let draining = tokio::spawn(proxy.drain());
    // Connections are told before the listener goes.
    crate::fixtures::eventually(async || std::net::TcpStream::connect(listener).is_err()).await;
    upstream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
    let response = response.in_time().await.unwrap();
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    assert_eq!(body.data().in_time().await.unwrap().unwrap(), "ok");
    drop((body, client));
    crate::fixtures::eventually(async || ended.load(Ordering::Relaxed)).await;
    draining.in_time().await.unwrap();
}

#[tokio::test]
async fn idle_connections_are_closed_after_a_moment() {
    let proxy = in_front_of(http1::echo("app").await, "").await;
    let mut idle = connect(&proxy).await;
    ask(&mut idle, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let began = std::time::Instant::now();
    let drained = tokio::spawn(proxy.drain());
    assert_eq!(idle.response(false).await, Err(crate::fixtures::raw::End::Closed));
    drained.in_time().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(4), "it did not wait for the time to drain");
}
