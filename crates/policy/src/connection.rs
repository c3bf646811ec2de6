//! What is known of one downstream or upstream connection: addresses, TLS facts, identities,
//! ClientHello.random.
//!
//! Facts only: it must not know what is done with the connection.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

/// The TLS ClientHello's facts, as far as a party that cannot decrypt may see them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// Lower-cased, no trailing dot; `None` when absent. Never an IP literal, never empty, never
    /// with a NUL.
    pub server_name: Option<String>,
    pub alpn: Vec<String>,
    /// RFC 8446 §4.1.2 `random`; both gateways of a path see it and both ends know it, so it joins
    /// their records.
    pub random: [u8; 32],
}

/// A finished TLS handshake on one side of the proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLSv1.3`
    pub version: String,
    /// `X25519MLKEM768`
    pub key_exchange_group: String,
    /// `TLS_AES_256_GCM_SHA384` (IANA name)
    pub cipher: String,
    pub alpn: Option<String>,
    pub sni: Option<String>,
    /// Lower-case hex of ClientHello.random.
    pub client_hello_random: String,
    /// URI SANs of the peer's certificate, in order; a workload has exactly one.
    pub peer_uri_sans: Vec<String>,
    pub peer_dns_sans: Vec<String>,
    /// RFC 2253 form.
    pub peer_subject: String,
    /// SHA-256 of the peer's leaf certificate, lower-case hex (XFCC `Hash`).
    pub peer_certificate_sha256: Option<String>,
    pub peer_certificate_pem: Option<Arc<str>>,
    pub local_uri_sans: Vec<String>,
    pub local_subject: String,
}

/// Everything known about a downstream connection when its filter chain starts.
#[derive(Debug, Clone)]
pub struct ConnectionInfo {
    /// Unique in this process.
    pub id: u64,
    pub started: SystemTime,
    pub listener: String,
    pub filter_chain: String,
    /// `metadata.filter_metadata["istio"]["config"]` of the filter chain: which resource made it.
    pub rule: Option<String>,
    /// The socket's peer (or PROXY protocol source).
    pub remote: SocketAddr,
    /// The address the client dialled: the original destination where captured, else the socket's
    /// own.
    pub local: SocketAddr,
    /// Where the listener that accepted this connection is bound.
    pub listener_address: Option<SocketAddr>,
    /// What SO_ORIGINAL_DST said, if the original_dst filter ran and the connection was redirected.
    pub original_destination: Option<SocketAddr>,
    /// Present if tls_inspector saw a ClientHello (also on chains that pass TLS through).
    pub client_hello: Option<Arc<ClientHello>>,
    /// Present if this proxy terminated TLS.
    pub tls: Option<Arc<TlsFacts>>,
    /// Time that the downstream TLS handshake took.
    pub handshake_micros: Option<u64>,
}

impl ConnectionInfo {
    /// Stands for the downstream side where there is none: connections that the proxy makes for
    /// itself.
    pub fn own(started: SystemTime) -> Self {
        let nowhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
        Self {
            id: 0,
            started,
            listener: String::new(),
            filter_chain: String::new(),
            rule: None,
            remote: nowhere,
            local: nowhere,
            listener_address: None,
            original_destination: None,
            client_hello: None,
            tls: None,
            handshake_micros: None,
        }
    }
}
