//! What is known of one finished request or connection: the source of access logs and of flow
//! records.
//!
//! Facts only: it must not know how they are written down.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderName, HeaderValue, Method, Version};

use super::flags::ResponseFlags;
use crate::address::Address;
use crate::connection::{ConnectionInfo, TlsFacts};

/// One finished request (with `http`), TCP connection (without), or refused connection.
#[derive(Debug, Clone, Default)]
pub struct LogEntry {
    /// When the request's head, or the connection, arrived.
    pub started: Option<SystemTime>,
    pub duration: Duration,
    pub downstream: Option<Arc<ConnectionInfo>>,
    /// The client as the proxy understands it, where that is not the socket's peer
    /// (x-forwarded-for).
    pub client: Option<SocketAddr>,
    /// Body bytes (HTTP) or payload bytes (TCP) from the client.
    pub bytes_received: u64,
    /// Body bytes (HTTP) or payload bytes (TCP) to the client.
    pub bytes_sent: u64,
    pub flags: ResponseFlags,
    /// `None` where none was sent; logged as 0.
    pub response_code: Option<u16>,
    /// `%RESPONSE_CODE_DETAILS%`, such as `via_upstream`.
    pub details: Option<Cow<'static, str>>,
    /// `%CONNECTION_TERMINATION_DETAILS%`, such as `no_filter_chain_match`.
    pub termination_details: Option<Cow<'static, str>>,
    pub upstream_cluster: Option<Arc<str>>,
    /// Which resource made the cluster.
    pub cluster_rule: Option<Arc<str>>,
    pub upstream_host: Option<Address>,
    pub upstream_local: Option<SocketAddr>,
    pub upstream_tls: Option<Arc<TlsFacts>>,
    /// `%UPSTREAM_TRANSPORT_FAILURE_REASON%`
    pub upstream_failure: Option<String>,
    /// Connect and TLS handshake; absent on a reused connection.
    pub upstream_connect: Option<Duration>,
    /// From `started` to the first byte of the response.
    pub upstream_first_byte: Option<Duration>,
    pub route_name: Option<Arc<str>>,
    /// Which resource made the route.
    pub route_rule: Option<Arc<str>>,
    pub http: Option<Box<HttpLog>>,
    /// No filter got the connection.
    pub refused: bool,
}

/// What a request has and a TCP connection has not.
#[derive(Debug, Clone, Default)]
pub struct HttpLog {
    pub method: Method,
    /// Query included; normalised, and rewritten if the route says so.
    pub path: String,
    pub authority: String,
    pub scheme: &'static str,
    pub version: Version,
    pub request_id: Option<HeaderValue>,
    /// Of the headers that an access log asks for, those that were there.
    pub request_headers: Vec<(HeaderName, HeaderValue)>,
    pub response_headers: Vec<(HeaderName, HeaderValue)>,
    pub response_trailers: Vec<(HeaderName, HeaderValue)>,
    /// How often the request was tried upstream.
    pub attempts: u32,
    pub upstream_version: Option<Version>,
}
