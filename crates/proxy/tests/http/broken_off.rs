//! A message that was broken off over HTTP/2 is never taken for a whole one, whatever error code it
//! was reset with; what an upstream did not process is tried again.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::Reason;
use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::client::{address, ask, connect, in_front_of};
use crate::fixtures::yaml::{HTTP2, listener};
use crate::fixtures::{InTime, bootstrap, cluster, start};

const EVERYTHING: &str = "{match: {prefix: /}, route: {cluster: app}}";

type Client = h2::client::SendRequest<Bytes>;

async fn client_of(proxy: &carrick_proxy::runtime::Proxy) -> Client {
    let stream = TcpStream::connect(address(proxy)).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).in_time().await.unwrap();
    tokio::spawn(connection);
    client.ready().in_time().await.unwrap()
}

/// Sends half of a body and resets the stream as if all had been said.
async fn half_an_upload(client: &mut Client) {
    let request = Request::post("http://a/upload").body(()).unwrap();
    let (_response, mut sender) = client.send_request(request, false).unwrap();
    sender.reserve_capacity(4);
    std::future::poll_fn(|cx| sender.poll_capacity(cx)).in_time().await.unwrap().unwrap();
    sender.send_data(Bytes::from_static(b"half"), false).unwrap();
    // A reset drops what is still queued; an answered request on the same connection comes after
    // it.
    tokio::task::yield_now().await;
    sender.send_reset(Reason::NO_ERROR);
}

#[tokio::test]
async fn an_upload_that_was_reset_without_an_error_is_not_whole_over_http1() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = in_front_of(server.local_addr().unwrap(), "").await;
    let mut client = client_of(&proxy).await;
    let upload = tokio::spawn(async move {
        half_an_upload(&mut client).await;
        client
    });
    let (mut upstream, _) = server.accept().in_time().await.unwrap();
    let mut read = Vec::new();
    // A reset instead of an end is as good.
    let _reset = upstream.read_to_end(&mut read).in_time().await;
    let read = String::from_utf8_lossy(&read);
    assert!(!read.ends_with("0\r\n\r\n"), "taken for whole: {read}");
    upload.in_time().await.unwrap();
}

#[tokio::test]
async fn an_upload_that_was_reset_without_an_error_is_not_whole_over_http2() {
    let (tell, mut told) = mpsc::channel(1);
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let clusters = [cluster("app", &[server.local_addr().unwrap()], HTTP2)];
    tokio::spawn(async move {
        let (stream, _) = server.accept().await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(request) = connection.accept().await {
            let (request, respond) = request.unwrap();
            let tell = tell.clone();
            tokio::spawn(async move {
                let mut body = request.into_body();
                let mut read = Vec::new();
                let ended = loop {
                    match body.data().await {
                        Some(Ok(data)) => read.extend_from_slice(&data),
                        Some(Err(error)) => break Err(error.reason()),
                        None => break Ok(read),
                    }
                };
                tell.send(ended).await.unwrap();
                drop(respond);
            });
        }
    });
    let proxy = start(&bootstrap(&[listener("", "", EVERYTHING)], &clusters)).await;
    let mut client = client_of(&proxy).await;
    half_an_upload(&mut client).await;
    let ended = told.recv().in_time().await.unwrap();
    assert!(ended.is_err(), "taken for whole: {ended:?}");
}

/// Answers half of a body and resets the stream as if all had been said; then, that it may be
/// reset, all of it.
async fn resets_without_an_error() -> SocketAddr {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = server.accept().await {
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                let mut pings = connection.ping_pong().unwrap();
                let (resets, mut due) = mpsc::unbounded_channel::<h2::SendStream<Bytes>>();
                tokio::spawn(async move {
                    while let Some(mut stream) = due.recv().await {
                        // Once a ping is answered, what was sent before it was written.
                        pings.ping(h2::Ping::opaque()).await.unwrap();
                        stream.send_reset(Reason::NO_ERROR);
                    }
                });
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    let whole = request.uri().path() == "/whole";
                    let mut stream = respond.send_response(Response::new(()), false).unwrap();
                    stream.send_data(Bytes::from_static(b"half"), whole).unwrap();
                    resets.send(stream).unwrap();
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn an_answer_that_was_reset_without_an_error_is_not_whole() {
    let clusters = [cluster("app", &[resets_without_an_error().await], HTTP2)];
    let proxy = start(&bootstrap(&[listener("", "", EVERYTHING)], &clusters)).await;

    let response = ask(&mut connect(&proxy).await, "GET /half HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!((response.status, response.cut), (200, true), "{response:?}");
    let response = ask(&mut connect(&proxy).await, "GET /whole HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!((response.status, response.cut), (200, false), "{response:?}");

    let mut client = client_of(&proxy).await;
    for (path, whole) in [("/half", false), ("/whole", true)] {
        let request = Request::get(format!("http://a{path}")).body(()).unwrap();
        let (response, _) = client.send_request(request, true).unwrap();
        let mut body = response.in_time().await.unwrap().into_body();
        let mut ended = Ok(());
        while let Some(data) = body.data().in_time().await {
            ended = data.map(drop);
            if ended.is_err() {
                break;
            }
        }
        assert_eq!(ended.is_ok(), whole, "{path}: {ended:?}");
    }
}

/// A server of bytes: it answers `each` requests of a connection with 200, then says by a GOAWAY
/// that it looked at no other, as nginx does (`keepalive_requests`).
async fn goes_away_after(each: usize) -> SocketAddr {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = server.accept().await {
            // A client that closes ends it.
            tokio::spawn(answer_some(stream, each));
        }
    });
    address
}

async fn answer_some(mut stream: TcpStream, each: usize) -> std::io::Result<()> {
    const HEADERS: u8 = 1;
    const SETTINGS: u8 = 4;
    const GOAWAY: u8 = 7;
    const ACK: u8 = 1;
    const STATUS_200: &[u8] = &[0x88];
    let frame = |kind: u8, flags: u8, id: u32, payload: &[u8]| {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, flags], &id.to_be_bytes()[..], payload].concat()
    };
    stream.read_exact(&mut [0; 24]).await?;
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    let mut served = 0;
    loop {
        let mut header = [0; 9];
        stream.read_exact(&mut header).await?;
        let [a, b, c, kind, flags, id @ ..] = header;
        let id = u32::from_be_bytes(id);
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        stream.read_exact(&mut payload).await?;
        match kind {
            SETTINGS if flags & ACK == 0 => stream.write_all(&frame(SETTINGS, ACK, 0, &[])).await?,
            HEADERS if served < each => {
                served += 1;
                stream.write_all(&frame(HEADERS, 5, id, STATUS_200)).await?;
                if served == each {
                    let no_error = [id.to_be_bytes(), [0; 4]].concat();
                    stream.write_all(&frame(GOAWAY, 0, 0, &no_error)).await?;
                }
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn what_a_goaway_leaves_unprocessed_is_tried_again() {
    let routes = "{match: {prefix: /}, route: {cluster: app, retry_policy: {num_retries: 5, \
                  retry_on: 'connect-failure,refused-stream,unavailable,cancelled'}}}";
    // As Istio sets it: the number of retries at a time is no limit.
    let more = format!("{HTTP2}, circuit_breakers: {{thresholds: [{{max_retries: 1000}}]}}");
    let clusters = [cluster("app", &[goes_away_after(60).await], &more)];
    let proxy = start(&bootstrap(&[listener("", "", routes)], &clusters)).await;
    let client = client_of(&proxy).await;
    let asking = (0..200).map(|_| {
        let mut client = client.clone();
        tokio::spawn(async move {
            let request = Request::get("http://a/").body(()).unwrap();
            let (response, _) = client.send_request(request, true).unwrap();
            response.in_time().await.unwrap().status().as_u16()
        })
    });
    let mut answers = Vec::new();
    for asked in asking.collect::<Vec<_>>() {
        answers.push(asked.await.unwrap());
    }
    let failed = answers.iter().filter(|status| **status != 200).count();
    assert_eq!(failed, 0, "{answers:?}");
}
