//! HTTP/1.1 over sockets of this machine: requests without a body, answers as text or JSON.
//!
//! It must not know who serves, nor what is asked.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

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

/// How long a process may take to begin its answer to an operator, and again for each part of it.
/// Two seconds are the most that a command takes, whatever hangs.
pub const PATIENCE: Duration = Duration::from_millis(1_500);
/// For answers that wait for something, or that somebody else bounds; longer than any of them
/// waits.
pub const LONG_PATIENCE: Duration = Duration::from_secs(60);

/// A process that is there, and says nothing: stopped, or stuck.
#[derive(Debug, thiserror::Error)]
#[error("it does not answer")]
pub struct Silent;

/// The answer to a question that can be answered at once.
pub async fn ask_json<T: DeserializeOwned>(socket: &Path, path: &str) -> Result<T> {
    get_json(socket, path, PATIENCE).await
}

/// The answer to a question that waits for news.
pub async fn wait_json<T: DeserializeOwned>(socket: &Path, path: &str) -> Result<T> {
    get_json(socket, path, LONG_PATIENCE).await
}

async fn get_json<T: DeserializeOwned>(socket: &Path, path: &str, patience: Duration) -> Result<T> {
    let text = get(socket, path, patience).await?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} answered {path} in an unknown form", socket.display()))
}

pub async fn get(socket: &Path, path: &str, patience: Duration) -> Result<String> {
    let answer = send(connect(socket).await?, Method::GET, path, patience).await;
    let (status, body) = answer.with_context(|| format!("whoever listens at {}", socket.display()))?;
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
    patience: Duration,
) -> Result<(StatusCode, String)> {
    send(stream, Method::GET, path, patience).await
}

/// # Errors
/// [`Silent`] when the answer, or its next part, does not come in time.
pub async fn send(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    method: Method,
    path: &str,
    patience: Duration,
) -> Result<(StatusCode, String)> {
    let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let request =
        Request::builder().method(method).uri(path).header("host", "localhost").body(Empty::<Bytes>::new())?;
    let response = timeout(patience, client.send_request(request)).await.map_err(|_elapsed| Silent)??;
    let status = response.status();
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(frame) = timeout(patience, body.frame()).await.map_err(|_elapsed| Silent)? {
        bytes.extend(frame?.into_data().unwrap_or_default());
    }
    Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
}
