//! Flow records: what this proxy did with each recent connection or request, kept in a bounded
//! ring.
//!
//! `carrick trace` joins the records of all proxies on a path by ClientHello.random. Only measured
//! facts belong here.

mod ring;

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use carrick_policy::access_log::LogEntry;
use carrick_policy::connection::{ClientHello, TlsFacts};
use serde::{Deserialize, Serialize};

pub use ring::{FlowRing, Slot};

/// One TCP connection, HTTP request, or refused attempt, as this proxy saw it. Times are
/// microseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FlowRecord {
    /// Rises by one per record in this process; `/flows?since=N` gives the later ones.
    pub sequence: u64,
    /// Microseconds since the Unix epoch when the connection was accepted (TCP) or the request's
    /// head arrived (HTTP).
    pub started_micros: u64,
    /// `http`, `tcp`, or `refused` (no filter chain matched, handshake failed, parse failed).
    pub kind: String,
    pub node: String,
    pub listener: String,
    pub filter_chain: String,
    pub connection_id: u64,
    pub downstream_remote: String,
    pub downstream_local: String,
    pub downstream: Option<FlowTls>,
    pub upstream: Option<FlowTls>,
    /// `/apis/…` path of the resource behind the filter chain, route, and cluster: see
    /// `metadata.filter_metadata.istio.config`.
    pub chain_rule: Option<String>,
    pub route_rule: Option<String>,
    pub cluster_rule: Option<String>,
    pub route: Option<String>,
    pub cluster: Option<String>,
    pub upstream_host: Option<String>,
    pub upstream_local: Option<String>,
    pub method: Option<String>,
    pub authority: Option<String>,
    pub path: Option<String>,
    pub request_id: Option<String>,
    pub response_code: Option<u16>,
    /// Envoy's %RESPONSE_FLAGS%, `-` if none.
    pub response_flags: String,
    /// Envoy's %RESPONSE_CODE_DETAILS% or %CONNECTION_TERMINATION_DETAILS%, or why it was refused.
    pub details: String,
    pub bytes_received: u64,
    pub bytes_sent: u64,
    /// Time for: the downstream TLS handshake; TCP connect plus TLS handshake upstream (absent on a
    /// reused connection); the first upstream byte after the request was sent; the whole.
    pub downstream_handshake_micros: Option<u64>,
    pub upstream_connect_micros: Option<u64>,
    pub upstream_first_byte_micros: Option<u64>,
    pub duration_micros: u64,
}

/// TLS as seen on one side: read from the ClientHello in passing, or known from taking part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FlowTls {
    /// False where the proxy only read the ClientHello and passed the bytes through.
    pub terminated: bool,
    pub client_hello_random: String,
    pub sni: Option<String>,
    pub version: Option<String>,
    pub group: Option<String>,
    pub cipher: Option<String>,
    pub alpn: Option<String>,
    pub local_identity: Option<String>,
    pub peer_identity: Option<String>,
}

impl FlowTls {
    /// TLS that this proxy took part in, on either side.
    pub fn of_handshake(facts: &TlsFacts) -> Self {
        Self {
            terminated: true,
            client_hello_random: facts.client_hello_random.clone(),
            sni: facts.sni.clone(),
            version: Some(facts.version.clone()),
            group: Some(facts.key_exchange_group.clone()),
            cipher: Some(facts.cipher.clone()),
            alpn: facts.alpn.clone(),
            local_identity: facts.local_uri_sans.first().cloned(),
            peer_identity: facts.peer_uri_sans.first().cloned(),
        }
    }

    /// TLS that this proxy only saw begin.
    pub fn of_hello(hello: &ClientHello) -> Self {
        Self {
            client_hello_random: hex::encode(hello.random),
            sni: hello.server_name.clone(),
            ..Self::default()
        }
    }
}

/// What was written down, as a record; `sequence` and `node` are left at their defaults.
impl From<&LogEntry> for FlowRecord {
    fn from(entry: &LogEntry) -> Self {
        let info = entry.downstream.as_deref();
        let http = entry.http.as_deref();
        let text = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        Self {
            started_micros: entry
                .started
                .and_then(|started| started.duration_since(UNIX_EPOCH).ok())
                .map_or(0, micros),
            kind: match (http, entry.refused) {
                (Some(_), _) => "http",
                (None, true) => "refused",
                (None, false) => "tcp",
            }
            .into(),
            listener: info.map(|info| info.listener.clone()).unwrap_or_default(),
            filter_chain: info.map(|info| info.filter_chain.clone()).unwrap_or_default(),
            connection_id: info.map_or(0, |info| info.id),
            downstream_remote: info.map(|info| info.remote.to_string()).unwrap_or_default(),
            downstream_local: info.map(|info| info.local.to_string()).unwrap_or_default(),
            downstream: info.and_then(|info| {
                let passing = || info.client_hello.as_deref().map(FlowTls::of_hello);
                info.tls.as_deref().map(FlowTls::of_handshake).or_else(passing)
            }),
            upstream: entry.upstream_tls.as_deref().map(FlowTls::of_handshake),
            chain_rule: info.and_then(|info| info.rule.clone()),
            route_rule: text(&entry.route_rule),
            cluster_rule: text(&entry.cluster_rule),
            route: text(&entry.route_name),
            cluster: text(&entry.upstream_cluster),
            upstream_host: entry.upstream_host.as_ref().map(ToString::to_string),
            upstream_local: entry.upstream_local.map(|local| local.to_string()),
            method: http.map(|http| http.method.to_string()),
            authority: http.map(|http| http.authority.clone()),
            path: http.map(|http| http.path.clone()),
            request_id: http.and_then(|http| http.request_id.as_ref()?.to_str().ok().map(str::to_owned)),
            response_code: entry.response_code,
            response_flags: entry.flags.to_string(),
            details: details(entry).into(),
            bytes_received: entry.bytes_received,
            bytes_sent: entry.bytes_sent,
            downstream_handshake_micros: info.and_then(|info| info.handshake_micros),
            upstream_connect_micros: entry.upstream_connect.map(micros),
            upstream_first_byte_micros: entry.upstream_first_byte.map(micros),
            duration_micros: micros(entry.duration),
            ..Self::default()
        }
    }
}

/// Of a connection, why it came to nothing says more than how that ended it.
fn details(entry: &LogEntry) -> &str {
    let why = match entry.http {
        Some(_) => entry.details.as_deref(),
        None => entry.upstream_failure.as_deref(),
    };
    why.or(entry.termination_details.as_deref()).unwrap_or_default()
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
