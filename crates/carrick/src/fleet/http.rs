//! HTTP/1.1 over sockets of this machine: requests without a body, answers as text or JSON.
//!
//! It must not know who serves, nor what is asked.

use std::path::Path;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;

/// Percent-encodes everything that could end a query's value (RFC 3986 §2.3 keeps the rest).
pub fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

pub async fn get_json<T: DeserializeOwned>(socket: &Path, path: &str) -> Result<T> {
    let text = get(socket, path).await?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} answered {path} in an unknown form", socket.display()))
}

pub async fn get(socket: &Path, path: &str) -> Result<String> {
    let (status, body) = send(connect(socket).await?, Method::GET, path).await?;
    if !status.is_success() {
        bail!("{}", if body.is_empty() { status.to_string() } else { body });
    }
    Ok(body)
}

pub async fn connect(socket: &Path) -> Result<UnixStream> {
    UnixStream::connect(socket).await.with_context(|| format!("nothing answers at {}", socket.display()))
}

/// `GET` over a connection that is there already.
pub async fn get_over(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    path: &str,
) -> Result<(StatusCode, String)> {
    send(stream, Method::GET, path).await
}

pub async fn send(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    method: Method,
    path: &str,
) -> Result<(StatusCode, String)> {
    let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request =
        Request::builder().method(method).uri(path).header("host", "localhost").body(Empty::<Bytes>::new())?;
    let response = client.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    connection.abort();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
