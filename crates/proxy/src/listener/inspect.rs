//! Listener filters: what is found out about a connection before its filter chain is chosen.
//!
//! Bytes are read, not peeked at, and given back afterwards. It must not know the chains.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use carrick_policy::connection::ClientHello;
use carrick_policy::listener::client_hello::{Hello, HelloReader};
use carrick_policy::listener::config::{ListenerConfig, ListenerFilterKind};
use carrick_policy::listener::http_inspector::{Sniff, sniff};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// A ClientHello that has begun must be complete after this, whatever the configuration allows to
/// connections that say nothing.
pub(super) const HELLO_TIMEOUT: Duration = Duration::from_secs(5);

/// What the filters found.
#[derive(Debug, Default)]
pub(super) struct Inspection {
    /// What was read, to be read again.
    pub prefix: Bytes,
    /// Where the client meant to go, if the connection was redirected here.
    pub original_destination: Option<SocketAddr>,
    pub hello: Option<ClientHello>,
    /// `http/1.1`, `h2c`, …, where plain text is HTTP.
    pub http: Option<&'static str>,
}

/// Why a connection is closed before it had a chain.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stopped {
    #[error("the client closed before it sent enough to choose a filter chain")]
    ClosedEarly,
    #[error("listener filter timeout")]
    Timeout,
    #[error("the ClientHello did not come in time")]
    SlowHello,
    #[error("not a valid ClientHello: {0}")]
    BrokenHello(&'static str),
    #[error("{0}")]
    Socket(#[from] io::Error),
}

/// Runs the listener's filters. `prefix` was read before, by a listener that handed the connection
/// over.
pub(super) async fn inspect(
    stream: &TcpStream,
    prefix: Bytes,
    local: SocketAddr,
    original_destination: Option<SocketAddr>,
    config: &ListenerConfig,
) -> Result<Inspection, Stopped> {
    let mut found = Inspection { original_destination, ..Inspection::default() };
    if config.filters.is_empty() {
        return Ok(Inspection { prefix, ..found });
    }
    let mut reader = Reader {
        stream,
        buffer: BytesMut::from(prefix),
        deadline: config.filters_timeout.map(|timeout| Instant::now() + timeout),
    };
    for filter in &config.filters {
        let port = found.original_destination.unwrap_or(local).port();
        if filter.disabled.as_ref().is_some_and(|disabled| disabled.matches(port)) {
            continue;
        }
        let outcome = match filter.kind {
            ListenerFilterKind::OriginalDst => {
                let destination = original_destination_of(stream, local);
                found.original_destination = found.original_destination.or(destination);
                Ok(())
            }
            ListenerFilterKind::TlsInspector { limit } => {
                reader.client_hello(limit).await.map(|hello| found.hello = hello)
            }
            ListenerFilterKind::HttpInspector if found.hello.is_some() => Ok(()),
            ListenerFilterKind::HttpInspector => reader.http().await.map(|http| found.http = http),
        };
        match outcome {
            Err(Stopped::Timeout) if config.continue_on_timeout => break,
            other => other?,
        }
    }
    found.prefix = reader.buffer.freeze();
    Ok(found)
}

/// Where the connection went before netfilter redirected it; `None` if it was not.
fn original_destination_of(stream: &TcpStream, local: SocketAddr) -> Option<SocketAddr> {
    let socket = socket2::SockRef::from(stream);
    let original =
        if local.ip().to_canonical().is_ipv4() { socket.original_dst_v4() } else { socket.original_dst_v6() };
    let original = original.ok()?.as_socket()?;
    let same = original.ip().to_canonical() == local.ip().to_canonical() && original.port() == local.port();
    (!same).then_some(original)
}

/// Reads ahead, in time.
struct Reader<'a> {
    stream: &'a TcpStream,
    buffer: BytesMut,
    deadline: Option<Instant>,
}

impl Reader<'_> {
    /// `None`: not TLS.
    async fn client_hello(&mut self, limit: usize) -> Result<Option<ClientHello>, Stopped> {
        let mut reader = HelloReader::new(limit);
        let mut began = None;
        loop {
            match reader.advance(&self.buffer) {
                Hello::Complete(hello) => return Ok(Some(hello)),
                Hello::NotTls => return Ok(None),
                Hello::Broken(reason) => return Err(Stopped::BrokenHello(reason)),
                Hello::Incomplete => {}
            }
            let (deadline, late) = if self.buffer.is_empty() {
                (self.deadline, Stopped::Timeout)
            } else {
                // A connection that has begun to be TLS is nothing else: it is not let through for
                // taking its time.
                let patience = *began.get_or_insert_with(Instant::now) + HELLO_TIMEOUT;
                let deadline = self.deadline.map_or(patience, |deadline| deadline.min(patience));
                (Some(deadline), Stopped::SlowHello)
            };
            if self.more(deadline, late).await? == 0 {
                return Err(Stopped::ClosedEarly);
            }
        }
    }

    async fn http(&mut self) -> Result<Option<&'static str>, Stopped> {
        loop {
            match sniff(&self.buffer) {
                Sniff::Http(protocol) => return Ok(Some(protocol)),
                Sniff::NotHttp => return Ok(None),
                Sniff::Incomplete => {}
            }
            if self.more(self.deadline, Stopped::Timeout).await? == 0 {
                // Half a line and the end of it is a message of some other protocol.
                return if self.buffer.is_empty() { Err(Stopped::ClosedEarly) } else { Ok(None) };
            }
        }
    }

    /// Waits without a buffer, so that silent connections cost none.
    async fn more(&mut self, deadline: Option<Instant>, late: Stopped) -> Result<usize, Stopped> {
        let read = async {
            loop {
                self.stream.readable().await?;
                self.buffer.reserve(2048);
                match self.stream.try_read_buf(&mut self.buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    other => return other,
                }
            }
        };
        match deadline {
            None => Ok(read.await?),
            Some(deadline) => match tokio::time::timeout_at(deadline, read).await {
                Ok(outcome) => Ok(outcome?),
                Err(_elapsed) => Err(late),
            },
        }
    }
}

/// A ClientHello for a chain that terminates TLS on a listener without a TLS inspector: read by the
/// same strict reader.
pub(super) async fn read_client_hello(
    stream: &TcpStream,
    prefix: Bytes,
) -> Result<(Bytes, Option<ClientHello>), Stopped> {
    let deadline = Some(Instant::now() + HELLO_TIMEOUT);
    let mut reader = Reader { stream, buffer: BytesMut::from(prefix), deadline };
    let hello = reader.client_hello(carrick_policy::listener::client_hello::DEFAULT_LIMIT).await?;
    Ok((reader.buffer.freeze(), hello))
}
