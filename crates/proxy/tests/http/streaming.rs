//! Bodies flow while they are sent, in both directions, and trailers follow them.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::client::{address, ask, connect, in_front_of};
use crate::fixtures::echo::{http1, http2};
use crate::fixtures::yaml::{HTTP2, listener};
use crate::fixtures::{InTime, bootstrap, cluster, start};

/// Reads until these bytes were seen.
async fn read_until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(wanted) {
        let count = stream.read_buf(&mut read).in_time().await.unwrap();
        assert!(count > 0, "it ended before {wanted:?}: {}", String::from_utf8_lossy(&read));
    }
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test]
async fn each_piece_goes_on_before_the_next_one_comes() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = in_front_of(server.local_addr().unwrap(), "").await;
    let mut client = TcpStream::connect(address(&proxy)).await.unwrap();
    client
        .write_all(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        .await
        .unwrap();
    let (mut upstream, _) = server.accept().in_time().await.unwrap();
    read_until(&mut upstream, "one").await;
    // The answer begins before the request has ended, and flows, too.
    upstream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nuno\r\n").await.unwrap();
    read_until(&mut client, "uno").await;
    client.write_all(b"3\r\ntwo\r\n0\r\n\r\n").await.unwrap();
    read_until(&mut upstream, "two").await;
    upstream.write_all(b"3\r\ndue\r\n0\r\n\r\n").await.unwrap();
    let end = read_until(&mut client, "0\r\n\r\n").await;
    assert!(end.contains("due"), "{end}");
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_its_upstream_back() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = in_front_of(server.local_addr().unwrap(), "").await;
    let mut client = TcpStream::connect(address(&proxy)).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let (mut upstream, _) = server.accept().in_time().await.unwrap();
    read_until(&mut upstream, "\r\n\r\n").await;
    const SIZE: usize = 64 << 20;
    upstream
        .write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let chunk = vec![b'x'; 1 << 20];
    let mut written = 0;
    // Nobody reads, so at some point no more is taken.
    while let Ok(sent) =
        tokio::time::timeout(std::time::Duration::from_millis(500), upstream.write(&chunk)).await
    {
        written += sent.unwrap();
        assert!(written < SIZE, "the proxy swallowed all of it");
    }
    let writer = tokio::spawn(async move {
        while written < SIZE {
            let left = chunk.len().min(SIZE - written);
            written += upstream.write(&chunk[..left]).await.unwrap();
        }
        upstream
    });
    read_until(&mut client, "\r\n\r\n").await;
    let mut got = 0;
    let mut buffer = vec![0; 1 << 20];
    // What was read with the head is not counted; the end is the end of what was written.
    while got < SIZE - (1 << 20) {
        got += client.read(&mut buffer).in_time().await.unwrap();
    }
    writer.in_time().await.unwrap();
}

#[tokio::test]
async fn trailers_cross_where_they_are_enabled() {
    let routes = "{match: {prefix: /}, route: {cluster: two}}";
    let clusters = [cluster("two", &[http2::echo("two").await], HTTP2)];
    let proxy = start(&bootstrap(&[listener("", "", routes)], &clusters)).await;
    let stream = TcpStream::connect(address(&proxy)).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).in_time().await.unwrap();
    tokio::spawn(connection);
    let mut client = client.ready().in_time().await.unwrap();
    let request = Request::builder().uri("http://a/told").body(()).unwrap();
    let (response, mut sender) = client.send_request(request, false).unwrap();
    sender.send_data(Bytes::from_static(b"body"), false).unwrap();
    let trailers = [(HeaderName::from_static("x-end"), HeaderValue::from_static("1"))];
    sender.send_trailers(HeaderMap::from_iter(trailers)).unwrap();
    let mut body = response.in_time().await.unwrap().into_body();
    let told = body.data().in_time().await.unwrap().unwrap();
    assert!(told.ends_with(b"body\r\ntrailer x-end: 1"), "{told:?}");

    let request = Request::builder().uri("http://a/h2/trailers").body(()).unwrap();
    let (response, _) = client.send_request(request, true).unwrap();
    let mut body = response.in_time().await.unwrap().into_body();
    assert_eq!(body.data().in_time().await.unwrap().unwrap(), "body");
    assert_eq!(body.trailers().in_time().await.unwrap().unwrap()["x-end"], "1");
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_to_go_on() {
    let proxy = in_front_of(http1::echo("app").await, "").await;
    let mut reader = connect(&proxy).await;
    let head = "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n";
    assert_eq!(ask(&mut reader, head).await.status, 100);
    let response = ask(&mut reader, "body").await;
    assert!(response.body.ends_with("body") && !response.body.contains("\r\nexpect:"), "{response:?}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_taken_for_a_whole_one() {
    let proxy = in_front_of(http1::echo("app").await, "").await;
    for path in ["/do/half-a-body", "/do/half-a-chunk", "/do/bad-chunk"] {
        let response =
            ask(&mut connect(&proxy).await, &format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        assert_eq!((response.status, response.cut), (200, true), "{path}: {response:?}");
    }
}
