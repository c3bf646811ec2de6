//! Opening a connection to a chosen host: the socket with its options, then TLS where the cluster
//! asks for it.
//!
//! It must not know why this host was chosen.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use carrick_policy::access_log::ResponseFlag;
use carrick_policy::address::Address;
use carrick_policy::balance::endpoint::Endpoint;
use carrick_policy::balance::outlier::Outcome;
use carrick_policy::config::socket::SocketSettings;
use carrick_policy::connection::{ConnectionInfo, TlsFacts};
use socket2::{Domain, Protocol, SockAddr, Type};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, UnixStream};

use super::UpstreamCluster;
use super::breakers::Permit;
use crate::socket::{Socket, Stream, options};
use crate::stats::ClusterStats;
use crate::tls::{HandshakeError, UpstreamTls, socket_of};

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

/// The same, for who needs to know what kind of stream it is.
pub(crate) struct Opened {
    pub stream: Upstream,
    pub local: SocketAddr,
    pub tls: Option<Arc<TlsFacts>>,
    pub connect_micros: u64,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("connection timeout after {0:?}")]
    Timeout(Duration),
    #[error("delayed connect error: {}", os_text(.0))]
    Socket(#[from] io::Error),
    #[error("TLS_error: {0}")]
    Tls(String),
    #[error("TLS_error: secret is not supplied by SDS: {0}")]
    SecretMissing(String),
    #[error("the cluster's limit of connections is reached")]
    Overflow,
}

impl From<HandshakeError> for ConnectError {
    fn from(error: HandshakeError) -> Self {
        match error {
            HandshakeError::SecretMissing(name) => Self::SecretMissing(name),
            HandshakeError::Failed(reason) => Self::Tls(reason),
        }
    }
}

/// The system's words alone (`Connection refused`), without Rust's `(os error 111)`.
fn os_text(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().map(str::to_owned).unwrap_or(text)
}

impl ConnectError {
    /// Envoy's response flag.
    pub fn flag(&self) -> ResponseFlag {
        match self {
            Self::Overflow => ResponseFlag::UpstreamOverflow,
            Self::Timeout(_) | Self::Socket(_) | Self::Tls(_) | Self::SecretMissing(_) => {
                ResponseFlag::UpstreamConnectionFailure
            }
        }
    }

    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }

    /// As Envoy's `%UPSTREAM_TRANSPORT_FAILURE_REASON%` and the body of its 503 put it; empty for a
    /// timeout, as there.
    pub fn transport_failure_reason(&self) -> String {
        match self {
            Self::Timeout(_) | Self::Overflow => String::new(),
            other => other.to_string(),
        }
    }
}

impl UpstreamCluster {
    /// Connects to `endpoint` within the cluster's connect timeout, TLS handshake included.
    pub async fn connect(
        &self,
        endpoint: &Endpoint,
        ctx: &ConnectContext<'_>,
    ) -> Result<UpstreamConnection, ConnectError> {
        let opened = self.open(endpoint, ctx.authority, ctx.alpn.as_deref()).await?;
        Ok(UpstreamConnection {
            stream: Box::new(opened.stream),
            remote: endpoint.address.clone(),
            local: opened.local,
            tls: opened.tls,
            connect_micros: opened.connect_micros,
        })
    }

    pub(crate) async fn open(
        &self,
        endpoint: &Endpoint,
        authority: Option<&str>,
        alpn: Option<&[Vec<u8>]>,
    ) -> Result<Opened, ConnectError> {
        let permit = self.breakers.connection(&endpoint.counters, false).ok_or(ConnectError::Overflow)?;
        let opened = self.open_with(permit, endpoint, authority, alpn).await?;
        self.report(endpoint, Outcome::Done);
        Ok(opened)
    }

    /// The same for who has leave already, and will report what comes of it.
    pub(crate) async fn open_with(
        &self,
        permit: Permit,
        endpoint: &Endpoint,
        authority: Option<&str>,
        alpn: Option<&[Vec<u8>]>,
    ) -> Result<Opened, ConnectError> {
        let stats = &self.labels.stats;
        let timeout = self.config.connect_timeout;
        let counted = CountedConnection::new(stats);
        let attempt = self.open_within(endpoint, authority, alpn, permit, counted);
        let outcome = tokio::time::timeout(timeout, attempt).await;
        let outcome = outcome.unwrap_or(Err(ConnectError::Timeout(timeout)));
        match &outcome {
            Ok(opened) => {
                stats.upstream_cx_connect_ms.record(Duration::from_micros(opened.connect_micros));
                self.report(endpoint, Outcome::Connected);
            }
            Err(error) => {
                endpoint.counters.count_connect_failure();
                stats.upstream_cx_connect_fail.increment();
                let timed_out = error.is_timeout();
                if timed_out {
                    stats.upstream_cx_connect_timeout.increment();
                }
                self.report(endpoint, if timed_out { Outcome::TimedOut } else { Outcome::Failed });
            }
        }
        outcome
    }

    async fn open_within(
        &self,
        endpoint: &Endpoint,
        authority: Option<&str>,
        alpn: Option<&[Vec<u8>]>,
        permit: Permit,
        counted: CountedConnection,
    ) -> Result<Opened, ConnectError> {
        let started = Instant::now();
        let socket = dial(&endpoint.address, &self.config.sockets).await?;
        let local = socket.local();
        let tls = self.transports.get(endpoint.transport).and_then(Option::as_ref);
        let (kind, facts) = match tls {
            None => (Kind::Plain(socket), None),
            Some(tls) => {
                let connected = tls.connect(socket, authority, alpn).await?;
                (Kind::Tls(Box::new(connected.stream)), Some(Arc::new(connected.facts)))
            }
        };
        let connect_micros = started.elapsed().as_micros() as u64;
        Ok(Opened {
            stream: Upstream { kind, received: Arc::default(), counted, _permit: permit },
            local,
            tls: facts,
            connect_micros,
        })
    }
}

/// Opens a socket of the right kind, applies its options before it connects, and connects it.
async fn dial(address: &Address, settings: &SocketSettings) -> io::Result<Socket> {
    let remote = match address {
        Address::Pipe(path) => return Ok(Socket::Unix(UnixStream::connect(path).await?)),
        Address::Socket(remote) => *remote,
    };
    let socket = socket2::Socket::new(Domain::for_address(remote), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    options::apply(settings, &socket, remote)?;
    if let Some(source) = settings.source_for(remote) {
        socket.bind(&SockAddr::from(source))?;
    }
    let stream = TcpSocket::from_std_stream(socket.into()).connect(remote).await?;
    Ok(Socket::Tcp(stream))
}

/// A connection to a host, plain or TLS.
pub(crate) struct Upstream {
    kind: Kind,
    /// Bytes that came from the host; whoever waits for a message can see whether it has begun.
    received: Arc<AtomicU64>,
    counted: CountedConnection,
    _permit: Permit,
}

/// Counts a connection from the attempt to make it until it is closed (Envoy docs, "Cluster
/// manager", `upstream_cx_total` and `upstream_cx_destroy`: those that failed are in both).
struct CountedConnection(Arc<ClusterStats>);

impl CountedConnection {
    fn new(stats: &Arc<ClusterStats>) -> Self {
        stats.upstream_cx_total.increment();
        Self(Arc::clone(stats))
    }

    fn sent(&self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = written {
            self.0.upstream_cx_tx_bytes_total.add(*bytes as u64);
        }
    }
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        self.0.upstream_cx_destroy.increment();
    }
}

enum Kind {
    Plain(Socket),
    Tls(Box<UpstreamTls>),
}

impl Upstream {
    pub fn received(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.received)
    }

    pub fn socket(&self) -> &Socket {
        match &self.kind {
            Kind::Plain(socket) => socket,
            Kind::Tls(stream) => socket_of(stream),
        }
    }
}

impl AsyncRead for Upstream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let outcome = match &mut this.kind {
            Kind::Plain(socket) => Pin::new(socket).poll_read(cx, buf),
            Kind::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        };
        let bytes = (buf.filled().len() - before) as u64;
        if bytes > 0 {
            this.received.fetch_add(bytes, Ordering::Relaxed);
            this.counted.0.upstream_cx_rx_bytes_total.add(bytes);
        }
        outcome
    }
}

impl AsyncWrite for Upstream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = match &mut this.kind {
            Kind::Plain(socket) => Pin::new(socket).poll_write(cx, buf),
            Kind::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        };
        this.counted.sent(&written);
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = match &mut this.kind {
            Kind::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, bufs),
            Kind::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        };
        this.counted.sent(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            Kind::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Kind::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            Kind::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Kind::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
