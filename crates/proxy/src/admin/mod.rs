//! The admin interface: what this proxy is, runs, and did. Read-only, and shaped like Envoy's.
//!
//! It must not be able to change anything.
//!
//! Reading order: [`guard`] (who may ask), [`pages`] (what can be asked for), and one module per
//! larger answer.

mod certs;
mod clusters;
mod config_dump;
mod guard;
mod listeners;
mod pages;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use carrick_policy::address::Address;
use carrick_policy::config::address::numeric;
use carrick_xds::pb::envoy::config::bootstrap::v3::Bootstrap;
use carrick_xds::pb::envoy::config::core::v3::Address as AddressPb;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

use crate::registry::Registry;
use guard::Asker;

/// The bound socket of the admin interface, TCP or Unix.
#[derive(Debug)]
pub struct AdminListener {
    socket: Socket,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix { listener: UnixListener, path: PathBuf },
}

/// What the pages are made from.
struct Shown {
    registry: Arc<Registry>,
    bootstrap: Arc<Bootstrap>,
}

/// How long a client may take to ask.
const PATIENCE: Duration = Duration::from_secs(10);

impl AdminListener {
    /// Binds `admin.address` of the bootstrap: a socket address, or a pipe. A socket file that was
    /// left behind is replaced.
    pub async fn bind(address: &AddressPb) -> io::Result<Self> {
        let invalid =
            |error: carrick_xds::FieldError| io::Error::new(io::ErrorKind::InvalidInput, error.to_string());
        let socket = match numeric(Some(address)).map_err(invalid)? {
            Address::Socket(address) => Socket::Tcp(TcpListener::bind(address).await?),
            Address::Pipe(path) => {
                carrick_files::remove_stale_socket(&path)?;
                Socket::Unix { listener: UnixListener::bind(&path)?, path }
            }
        };
        Ok(Self { socket })
    }

    /// Where it listens, with the port that the kernel chose if 0 was asked for; `None` for a pipe.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tcp(listener) => listener.local_addr().ok(),
            Socket::Unix { .. } => None,
        }
    }

    /// Serves until the process ends. `bootstrap` is shown by `/config_dump`.
    pub async fn serve(self, registry: Arc<Registry>, bootstrap: Arc<Bootstrap>) {
        let shown = Arc::new(Shown { registry, bootstrap });
        loop {
            let accepted = match &self.socket {
                Socket::Tcp(listener) => listener.accept().await.map(|(stream, peer)| {
                    spawn(stream, Asker::at(peer), &shown);
                }),
                Socket::Unix { listener, .. } => listener.accept().await.map(|(stream, _)| {
                    spawn(stream, Asker::Local, &shown);
                }),
            };
            if let Err(error) = accepted {
                tracing::warn!(%error, "the admin interface cannot accept a connection");
                // Out of descriptors, most likely: trying again at once would only burn time.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Self::Unix { path, .. } = self {
            // Nobody is harmed if it is gone already.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn spawn(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, asker: Asker, shown: &Arc<Shown>) {
    let shown = shown.clone();
    tokio::spawn(async move {
        let service = service_fn(|request| {
            let answer = pages::answer(&request, asker, &shown);
            async move { Ok::<_, Infallible>(answer) }
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(16 * 1024);
        if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
            tracing::debug!(%error, "admin connection ended");
        }
    });
}

#[cfg(test)]
mod tests;
