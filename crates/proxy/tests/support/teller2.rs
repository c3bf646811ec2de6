//! The teller over HTTP/2: tells in its answer what it received, or resets its stream if the path says so.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Ping, PingPong, Reason, RecvStream};
use http::{HeaderMap, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

/// What paths of the form `/h2/NAME` ask for, other than to be told.
pub const MISDEEDS: [&str; 5] = ["refuse", "reset", "half", "trailers", "only-trailers"];

pub async fn teller2(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, name));
        }
    });
    address
}

async fn serve(stream: TcpStream, name: &'static str) -> Result<(), h2::Error> {
    let mut connection = h2::server::handshake(stream).await?;
    let pings = Arc::new(Mutex::new(connection.ping_pong().expect("nobody took it before")));
    while let Some(request) = connection.accept().await {
        let (request, respond) = request?;
        tokio::spawn(answer(request, respond, name, pings.clone()));
    }
    Ok(())
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    name: &'static str,
    pings: Arc<Mutex<PingPong>>,
) -> Result<(), h2::Error> {
    let (head, mut body) = request.into_parts();
    let mut read = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        read.extend_from_slice(&chunk);
    }
    let trailers = body.trailers().await?;
    match head.uri.path().strip_prefix("/h2/") {
        Some("refuse") => respond.send_reset(Reason::REFUSED_STREAM),
        Some("reset") => respond.send_reset(Reason::INTERNAL_ERROR),
        Some("half") if head.method != http::Method::HEAD => {
            let mut stream = respond.send_response(Response::new(()), false)?;
            stream.send_data(Bytes::from_static(b"half"), false)?;
            // A reset drops what is still queued. Once a ping is answered, the half was written.
            pings.lock().await.ping(Ping::opaque()).await?;
            stream.send_reset(Reason::CANCEL);
        }
        Some("trailers") if head.method != http::Method::HEAD => {
            let mut stream = respond.send_response(Response::new(()), false)?;
            stream.send_data(Bytes::from_static(b"body"), false)?;
            stream.send_trailers(x_end())?;
        }
        Some("only-trailers") => {
            let response = Response::builder().header("grpc-status", "5").body(()).unwrap();
            respond.send_response(response, true)?;
        }
        _ => {
            let text = told(&head, &read, trailers.as_ref());
            let response = Response::builder().header("x-upstream", name).body(()).unwrap();
            let is_head = head.method == http::Method::HEAD;
            let mut stream = respond.send_response(response, is_head)?;
            if !is_head {
                stream.send_data(text.into(), true)?;
            }
        }
    }
    Ok(())
}

fn x_end() -> HeaderMap {
    HeaderMap::from_iter([(http::HeaderName::from_static("x-end"), http::HeaderValue::from_static("1"))])
}

fn told(head: &http::request::Parts, body: &[u8], trailers: Option<&HeaderMap>) -> String {
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        format!("\r\n{name}: {}", String::from_utf8_lossy(value.as_bytes()))
    };
    let headers: String = head.headers.iter().map(line).collect();
    let trailers: String =
        trailers.into_iter().flatten().map(|pair| format!("\r\ntrailer {}", &line(pair)[2..])).collect();
    format!(
        "{} {} {:?}{headers}\r\n{}{trailers}",
        head.method,
        head.uri,
        head.version,
        String::from_utf8_lossy(body)
    )
}
