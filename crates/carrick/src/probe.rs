//! One connection, made step by step, told in every detail: what the demo's attempts are made of,
//! and its HTTP client where curl is missing.
//!
//! A hidden subcommand, because it has to run inside a pod. It must not know which outcome anybody
//! hopes for.

mod exchange;
mod tls;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use carrick_api::fleet::PodName;
use carrick_local::Privileges;
use serde::{Deserialize, Serialize};

use crate::fleet::client::Federation;

/// What to try, read from standard input: a private key must not stand among the arguments.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// `host:port`; the pod's resolver is asked for a name.
    pub target: String,
    pub tls: Option<TlsOrder>,
    /// Sent once connected; `None` only connects.
    pub request: Option<HttpOrder>,
    /// For each step.
    pub timeout_ms: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TlsOrder {
    pub sni: String,
    /// Certificate chain and private key in PEM; without them no certificate is shown.
    pub credentials: Option<(String, String)>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HttpOrder {
    pub host: String,
    pub path: String,
}

/// How far it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    Resolve,
    Connect,
    Handshake,
    Request,
    Done,
}

impl std::fmt::Display for Step {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Resolve => "looking up the name",
            Self::Connect => "connecting",
            Self::Handshake => "the TLS handshake",
            Self::Request => "the request",
            Self::Done => "done",
        })
    }
}

/// What happened, as this end saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The step that failed, or `Done`.
    pub step: Step,
    pub error: Option<String>,
    /// Our address, by which others may have recorded us.
    pub local: Option<SocketAddr>,
    pub remote: Option<SocketAddr>,
    pub client_hello_random: Option<String>,
    pub peer_identity: Option<String>,
    pub status: Option<u16>,
    pub body: Option<String>,
}

/// `carrick probe`: an order on standard input, its outcome on standard output.
pub fn run() -> Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let order: Order = serde_json::from_str(&text).context("the order on standard input cannot be read")?;
    serde_json::to_writer(std::io::stdout(), &attempt(&order))?;
    Ok(())
}

/// Carries out an order in a pod, by a process of its own there.
pub async fn run_in(federation: &Federation, pod: &PodName, order: &Order) -> Result<Outcome> {
    let entry = federation.entry(pod).await?;
    let words = ["/proc/self/exe", "probe"].map(String::from);
    let mut command = entry.command(federation.supervisor_pid()?, Privileges::App, Path::new("/"), &words);
    let input = serde_json::to_string(order)?;
    let output = tokio::task::spawn_blocking(move || -> Result<_> {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        child.stdin.take().context("the probe has no input")?.write_all(input.as_bytes())?;
        Ok(child.wait_with_output()?)
    });
    let output = output.await??;
    serde_json::from_slice(&output.stdout).with_context(|| {
        format!("the probe in {} failed: {}", pod.pod, String::from_utf8_lossy(&output.stderr).trim())
    })
}

fn attempt(order: &Order) -> Outcome {
    let mut outcome = Outcome {
        step: Step::Resolve,
        error: None,
        local: None,
        remote: None,
        client_hello_random: None,
        peer_identity: None,
        status: None,
        body: None,
    };
    match go(order, &mut outcome) {
        Ok(()) => outcome.step = Step::Done,
        Err(error) => outcome.error = Some(format!("{error:#}")),
    }
    outcome
}

fn go(order: &Order, outcome: &mut Outcome) -> Result<()> {
    let timeout = Duration::from_millis(order.timeout_ms);
    let address = order.target.to_socket_addrs()?.next().context("the name has no address")?;
    outcome.remote = Some(address);
    outcome.step = Step::Connect;
    let stream = TcpStream::connect_timeout(&address, timeout)?;
    outcome.local = Some(stream.local_addr()?);
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    match &order.tls {
        Some(tls) => {
            outcome.step = Step::Handshake;
            let stream = tls::handshake(stream, tls, outcome)?;
            exchange::exchange(stream, order.request.as_ref(), outcome)
        }
        None => exchange::exchange(stream, order.request.as_ref(), outcome),
    }
}

#[cfg(test)]
mod tests;
