//! The way upstream: pooled connections of a cluster, and one exchange of request and response over
//! one of them.
//!
//! It must not know routes or retries.
//!
//! Reading order: [`body`] and [`tee`] (what is sent), [`http1`] and [`http2`] (one connection),
//! [`pool`].

mod body;
mod http1;
mod http2;
mod pool;
mod tee;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use carrick_policy::address::Address;
use carrick_policy::connection::TlsFacts;
use hyper::body::Incoming;

pub(crate) use body::{Progress, Replay, RequestBody, Source};
pub(crate) use http1::Http1;
pub(crate) use http2::{Lease, StreamEnd};
pub(crate) use pool::{Failed, Host, Pool};
pub(crate) use tee::Tee;

/// What is known of an upstream connection, from when it was made.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) remote: Address,
    pub(crate) local: SocketAddr,
    pub(crate) tls: Option<Arc<TlsFacts>>,
    /// Connecting and TLS handshake.
    pub(crate) connect: Duration,
    /// The state of all secrets when the handshake began; a connection is not reused once they
    /// changed.
    pub(crate) secrets: u64,
}

/// Why an exchange brought no response.
#[derive(Debug)]
pub(crate) enum NoResponse {
    /// Nothing was sent; the body is untouched.
    NotSent,
    /// The upstream says that it did nothing: REFUSED_STREAM, or a stream beyond the last one that
    /// its GOAWAY names (RFC 9113 §6.8, §8.7).
    Refused,
    /// The connection ended, or was reset.
    Reset { by_peer: bool },
    /// The stream was reset by the upstream; its connection goes on.
    StreamReset,
    /// What came was not HTTP.
    Protocol,
    /// The client's body broke off, or its framing made no sense.
    DownstreamBody { malformed: bool },
}

impl NoResponse {
    /// How the stream that brought no response ended, as far as there was one.
    fn stream_end(&self) -> StreamEnd {
        match self {
            Self::NotSent | Self::Refused | Self::Reset { by_peer: true } => StreamEnd::Over,
            Self::StreamReset => StreamEnd::ResetByPeer,
            Self::Reset { by_peer: false } | Self::Protocol | Self::DownstreamBody { .. } => StreamEnd::Reset,
        }
    }

    fn from_hyper(error: &hyper::Error) -> Self {
        use std::error::Error;
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        let mut malformed = false;
        while let Some(error) = cause {
            // What `wire` says, or the codec where it sees more.
            let io = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
            malformed |=
                matches!(io, Some(std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput));
            if let Some(h2) = error.downcast_ref::<h2::Error>() {
                return match h2.reason() {
                    Some(h2::Reason::REFUSED_STREAM) => Self::Refused,
                    // A stream that the peer had begun to process goes on after a graceful GOAWAY.
                    Some(h2::Reason::NO_ERROR) if h2.is_go_away() && h2.is_remote() => Self::Refused,
                    _ if h2.is_reset() && h2.is_remote() => Self::StreamReset,
                    _ => Self::Reset { by_peer: h2.is_remote() },
                };
            }
            cause = error.source();
        }
        if error.is_user() {
            return Self::DownstreamBody { malformed };
        }
        if error.is_parse() {
            return Self::Protocol;
        }
        Self::Reset { by_peer: true }
    }
}

/// A response whose body is still to come, and what carries it.
pub(crate) struct Answer {
    pub(crate) response: http::Response<Incoming>,
    pub(crate) carrier: Carrier,
}

/// The connection that a response body comes over.
pub(crate) enum Carrier {
    Http1(Box<Http1>),
    /// Its task reads on; the lease counts the stream until the body has ended.
    Http2 {
        lease: Lease,
    },
    /// A task of its own drives the connection, and ends it.
    Detached,
}
