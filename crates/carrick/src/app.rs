//! The `istio/app` stand-in: a small HTTP server that answers with what it received, so that a test
//! can see it.
//!
//! It takes the arguments of Istio's own test image. It must not know that it runs in a mesh.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// A request body longer than this is answered with 413; the echo is meant for tests, not for
/// uploads.
const MAX_BODY: usize = 16 * 1024 * 1024;

#[derive(Debug, clap::Args)]
pub struct AppArgs {
    /// An HTTP/1.1 and HTTP/2 (h2c) port; may be given more than once
    #[arg(long = "port", value_name = "PORT")]
    http_ports: Vec<u16>,
    /// A TCP port that sends back what it gets; may be given more than once
    #[arg(long = "tcp", value_name = "PORT")]
    tcp_ports: Vec<u16>,
    /// Shown in every answer as ServiceVersion
    #[arg(long, default_value = "")]
    version: String,
}

/// Serves until the process is told to stop.
pub async fn run(args: AppArgs) -> Result<()> {
    let args = Arc::new(args);
    let mut servers = JoinSet::new();
    for &port in &args.http_ports {
        servers.spawn(serve_http(listen(port).await?, port, args.clone()));
    }
    for &port in &args.tcp_ports {
        servers.spawn(serve_tcp(listen(port).await?));
    }
    anyhow::ensure!(!servers.is_empty(), "no port to serve: give --port or --tcp");
    while let Some(ended) = servers.join_next().await {
        ended.context("a server task failed")?;
    }
    Ok(())
}

async fn listen(port: u16) -> Result<TcpListener> {
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

async fn serve_http(listener: TcpListener, port: u16, args: Arc<AppArgs>) {
    loop {
        let Ok((stream, remote)) = listener.accept().await else { continue };
        let args = args.clone();
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request| {
                let args = args.clone();
                async move { Ok::<_, Infallible>(answer(request, remote, port, &args.version).await) }
            });
            // A client that breaks off is no news for an echo server.
            let _ = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                .serve_connection_with_upgrades(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    remote: SocketAddr,
    port: u16,
    version: &str,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        return respond(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long for an echo\n".into());
    };
    let wanted = head.uri.query().and_then(|query| {
        query.split('&').find_map(|pair| pair.strip_prefix("codes=")).and_then(|code| code.parse().ok())
    });
    respond(wanted.unwrap_or(StatusCode::OK), describe(&head, &body.to_bytes(), remote, port, version))
}

/// The answer's text: one `Name=value` line per fact, in the form of Istio's echo.
fn describe(
    head: &http::request::Parts,
    body: &[u8],
    remote: SocketAddr,
    port: u16,
    version: &str,
) -> String {
    let host = head
        .headers
        .get(http::header::HOST)
        .and_then(|host| host.to_str().ok())
        .or(head.uri.authority().map(http::uri::Authority::as_str))
        .unwrap_or_default();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "ServiceVersion={version}");
    let _ = writeln!(text, "ServicePort={port}");
    let _ = writeln!(text, "Method={}", head.method);
    let _ = writeln!(text, "URL={path}");
    let _ = writeln!(text, "Host={host}");
    let _ = writeln!(text, "Proto={:?}", head.version);
    let _ = writeln!(text, "RemoteAddr={remote}");
    for (name, value) in &head.headers {
        if name != http::header::HOST {
            let _ = writeln!(text, "RequestHeader={name}: {}", String::from_utf8_lossy(value.as_bytes()));
        }
    }
    if !body.is_empty() {
        let _ = writeln!(text, "Body={}", String::from_utf8_lossy(body));
    }
    let _ = writeln!(text, "StatusCode=200");
    let _ = writeln!(text, "Hostname={}", rustix::system::uname().nodename().to_string_lossy());
    text
}

fn respond(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

async fn serve_tcp(listener: TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(echo(stream));
    }
}

async fn echo(mut stream: TcpStream) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
