//! Connections on both sides: kept, reset, half closed.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::client::{address, ask, connect, in_front_of};
use crate::fixtures::authority::Authority;
use crate::fixtures::echo::http1;
use crate::fixtures::echo::tls::acceptor;
use crate::fixtures::raw::End;
use crate::fixtures::yaml::{HTTP2, listener};
use crate::fixtures::{InTime, bootstrap, cluster, finished, start};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn one_upstream_connection_serves_many_clients_one_after_another() {
    let proxy = in_front_of(http1::echo("app").await, "").await;
    for n in 0..20 {
        let request = format!("GET /{n} HTTP/1.1\r\nhost: a\r\n\r\n");
        assert_eq!(ask(&mut connect(&proxy).await, &request).await.status, 200);
        // Its record is written once the connection is back in the pool.
        finished(&proxy, |record| record.path == Some(format!("/{n}"))).await;
    }
    let made =
        proxy.env().flows.since(0).into_iter().filter(|record| record.upstream_connect_micros.is_some());
    assert_eq!(made.count(), 1);
}

#[tokio::test]
async fn a_pooled_connection_that_the_upstream_closed_is_not_the_clients_concern() {
    let proxy = in_front_of(http1::echo("app").await, "").await;
    let mut reader = connect(&proxy).await;
    for _ in 0..20 {
        let closing = ask(&mut reader, "GET /do/close HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert_eq!(
            (closing.status, closing.header("connection")),
            (200, None),
            "that was about another connection"
        );
        assert_eq!(ask(&mut reader, GET).await.status, 200);
    }
}

#[tokio::test]
async fn when_a_client_goes_its_upstream_request_ends_at_once() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = in_front_of(server.local_addr().unwrap(), "").await;
    for reset in [true, false] {
        let mut client = TcpStream::connect(address(&proxy)).await.unwrap();
        client.write_all(GET.as_bytes()).await.unwrap();
        let (mut upstream, _) = server.accept().in_time().await.unwrap();
        upstream.read_exact(&mut [0; 10]).in_time().await.unwrap();
        match reset {
            true => {
                socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
                drop(client);
            }
            false => client.shutdown().await.unwrap(),
        }
        // The rest of the request, and then the end.
        let mut rest = Vec::new();
        let _ = upstream.read_to_end(&mut rest).in_time().await;
    }
    let record = finished(&proxy, |record| record.sequence == 2).await;
    assert_eq!((record.response_code, record.response_flags.as_str()), (None, "DC"));
    assert_eq!(record.details, "downstream_remote_disconnect");
}

#[tokio::test]
async fn an_upstream_that_resets_is_503_and_the_clients_connection_goes_on() {
    let proxy = in_front_of(http1::echo("app").await, "").await;
    let mut reader = connect(&proxy).await;
    let response =
        ask(&mut reader, "POST /do/reset-at-once HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(response.status, 503);
    assert!(response.body.contains("reset reason: connection termination"), "{}", response.body);
    assert_eq!(ask(&mut reader, GET).await.status, 200);
}

#[tokio::test]
async fn a_broken_request_ends_its_connection_and_what_follows_is_never_read() {
    let proxy = in_front_of(http1::echo("app").await, "").await;
    let smuggled = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n\
        GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut reader = connect(&proxy).await;
    assert_eq!(ask(&mut reader, smuggled).await.status, 400);
    assert_eq!(reader.response(false).await, Err(End::Closed));
    assert!(proxy.env().flows.since(0).iter().all(|record| record.path.as_deref() != Some("/smuggled")));
}

/// A connection that is being made is nobody's: it ends in its own time when those who waited for
/// it have gone.
#[tokio::test]
async fn clients_that_give_up_leave_no_stale_attempt_to_those_who_come_after() {
    let identity = Authority::new("root").host("app.example");
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tls = "connect_timeout: 0.5s, transport_socket: {name: tls, typed_config: {'@type': \
               type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext}}";
    let app = cluster("app", &[server.local_addr().unwrap()], &format!(", {tls}{HTTP2}"));
    let listener = listener("", "", "{match: {prefix: /}, route: {cluster: app}}");
    let proxy = start(&bootstrap(&[listener], &[app])).await;

    let mut client = TcpStream::connect(address(&proxy)).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let (mut first, _) = server.accept().in_time().await.unwrap();
    drop(client);
    // The handshake is never answered; the attempt ends by itself.
    let mut hello = Vec::new();
    first.read_to_end(&mut hello).in_time().await.unwrap();

    tokio::spawn(async move {
        let (stream, _) = server.accept().await.unwrap();
        let stream = acceptor(&identity).accept(stream).await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            respond.send_response(http::Response::new(()), true).unwrap();
        }
    });
    let response = ask(&mut connect(&proxy).await, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(response.status, 200, "{response:?}");
}
