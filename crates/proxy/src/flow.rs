//! Flow records: what this proxy did with each recent connection or request, kept in a bounded ring.
//!
//! `carrick trace` joins the records of all proxies on a path by ClientHello.random. Only measured facts belong here.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::connection::{ClientHello, ConnectionInfo, TlsFacts};
use crate::env::ProxyEnv;

/// One TCP connection, HTTP request, or refused attempt, as this proxy saw it. Times are microseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FlowRecord {
    /// Rises by one per record in this process; `/flows?since=N` gives the later ones.
    pub sequence: u64,
    /// Microseconds since the Unix epoch when the connection was accepted (TCP) or the request's head arrived (HTTP).
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
    /// `/apis/…` path of the resource behind the filter chain, route, and cluster: see `metadata.filter_metadata.istio.config`.
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
    /// Time for: the downstream TLS handshake; TCP connect plus TLS handshake upstream (absent on a reused connection);
    /// the first upstream byte after the request was sent; the whole.
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

impl FlowRecord {
    /// A record with all that is known of the downstream side.
    pub fn of_connection(kind: &str, env: &ProxyEnv, info: &ConnectionInfo) -> Self {
        let started = info.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        let passing = info.client_hello.as_deref().map(FlowTls::of_hello);
        Self {
            started_micros: started.as_micros() as u64,
            kind: kind.to_owned(),
            node: env.node_id.clone(),
            listener: info.listener.clone(),
            filter_chain: info.filter_chain.clone(),
            connection_id: info.id,
            downstream_remote: info.remote.to_string(),
            downstream_local: info.local.to_string(),
            downstream: info.tls.as_deref().map(FlowTls::of_handshake).or(passing),
            chain_rule: info.rule.clone(),
            response_flags: "-".into(),
            downstream_handshake_micros: info.handshake_micros,
            ..Self::default()
        }
    }
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

/// The last records, oldest dropped first.
#[derive(Debug)]
pub struct FlowRing {
    inner: Mutex<Ring>,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Ring {
    next: u64,
    records: VecDeque<FlowRecord>,
}

impl FlowRing {
    pub fn new(capacity: usize) -> Self {
        Self { inner: Mutex::default(), capacity }
    }

    /// Returns the record's sequence number.
    pub fn record(&self, mut record: FlowRecord) -> u64 {
        let mut ring = self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        ring.next += 1;
        record.sequence = ring.next;
        if ring.records.len() == self.capacity {
            ring.records.pop_front();
        }
        ring.records.push_back(record);
        ring.next
    }

    /// Writes down how something ended that was recorded when it began (with a duration of 0). Lost if that record was dropped.
    pub fn finish(&self, mut record: FlowRecord, sequence: u64) {
        let mut ring = self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // Sequence numbers rise by one.
        let oldest = ring.records.front().map_or(u64::MAX, |first| first.sequence);
        let index = sequence.checked_sub(oldest).and_then(|index| usize::try_from(index).ok());
        if let Some(known) = index.and_then(|index| ring.records.get_mut(index)) {
            record.sequence = sequence;
            *known = record;
        }
    }

    /// Records later than `sequence`, oldest first.
    pub fn since(&self, sequence: u64) -> Vec<FlowRecord> {
        let ring = self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        ring.records.iter().filter(|record| record.sequence > sequence).cloned().collect()
    }
}
