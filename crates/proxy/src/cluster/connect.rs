//! Opening a connection to a chosen host: the socket with its options, then TLS where the cluster asks for it.
//!
//! It must not know why this host was chosen.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, Type};
use tokio::net::{TcpSocket, UnixStream};

use super::{Address, Endpoint, UpstreamCluster};
use crate::config::socket::SocketSettings;
use crate::connection::{ConnectionInfo, Stream, TlsFacts};
use crate::socket::Socket;

/// What may influence how a connection is made.
pub struct ConnectContext<'a> {
    pub downstream: &'a ConnectionInfo,
    /// The request's authority, for `auto_sni` and `auto_san_validation`.
    pub authority: Option<&'a str>,
    /// Instead of the cluster's own ALPN list.
    pub alpn: Option<Vec<Vec<u8>>>,
}

/// A connection ready for use.
pub struct UpstreamConnection {
    pub stream: Stream,
    pub remote: Address,
    pub local: SocketAddr,
    pub tls: Option<Arc<TlsFacts>>,
    /// TCP connect plus TLS handshake.
    pub connect_micros: u64,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("connection timeout after {0:?}")]
    Timeout(Duration),
    #[error("delayed connect error: {0}")]
    Socket(#[from] io::Error),
    #[error("TLS_error: {0}")]
    Tls(String),
    #[error("TLS_error: secret is not supplied by SDS: {0}")]
    SecretMissing(String),
}

impl ConnectError {
    /// Envoy's response flag.
    pub fn flag(&self) -> &'static str {
        "UF"
    }

    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }

    /// As Envoy's `%UPSTREAM_TRANSPORT_FAILURE_REASON%` and the body of its 503 put it; empty for a timeout, as there.
    pub fn transport_failure_reason(&self) -> String {
        match self {
            Self::Timeout(_) => String::new(),
            other => other.to_string(),
        }
    }
}

impl UpstreamCluster {
    /// Connects to `endpoint` within the cluster's connect timeout, TLS handshake included.
    pub async fn connect(
        &self,
        endpoint: &Endpoint,
        _ctx: &ConnectContext<'_>,
    ) -> Result<UpstreamConnection, ConnectError> {
        let started = Instant::now();
        let timeout = self.config.connect_timeout;
        let socket = tokio::time::timeout(timeout, open(&endpoint.address, &self.config.sockets))
            .await
            .map_err(|_elapsed| ConnectError::Timeout(timeout))??;
        let local = socket.local();
        Ok(UpstreamConnection {
            stream: Box::new(socket),
            remote: endpoint.address.clone(),
            local,
            tls: None,
            connect_micros: started.elapsed().as_micros() as u64,
        })
    }
}

/// Opens a socket of the right kind, applies its options before it connects, and connects it.
async fn open(address: &Address, settings: &SocketSettings) -> io::Result<Socket> {
    let remote = match address {
        Address::Pipe(path) => return Ok(Socket::Unix(UnixStream::connect(path).await?)),
        Address::Socket(remote) => *remote,
    };
    let socket = socket2::Socket::new(Domain::for_address(remote), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    settings.apply(&socket, remote)?;
    if let Some(source) = settings.source_for(remote) {
        socket.bind(&SockAddr::from(source))?;
    }
    let stream = TcpSocket::from_std_stream(socket.into()).connect(remote).await?;
    Ok(Socket::Tcp(stream))
}
