//! `carrick trace --json`: one request, and the way that it took.

use serde::{Deserialize, Serialize};

use crate::fleet::Role;

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Trace {
    pub url: String,
    pub client: Client,
    /// The body of the response.
    pub answer: String,
    /// The client's exit status; `null` if it was killed.
    pub status: Option<i32>,
    /// What the client said on standard error.
    pub complaint: String,
    pub path: Path,
}

/// What made the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Client {
    Curl,
    /// Carrick's own, where the machine has no curl. It proves less: its authors are those of the
    /// proxy.
    BuiltIn,
}

/// A request's way from the client's sidecar to the server's, as the proxies on it recorded it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Path {
    /// Lower-case hex of ClientHello.random, if a proxy on the way recorded it.
    pub client_hello_random: Option<String>,
    pub hops: Vec<Hop>,
}

/// One proxy's part of a path. Times are microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Hop {
    pub cluster: String,
    pub pod: String,
    pub role: Role,
    /// Whether the proxy is Envoy.
    pub envoy: bool,
    /// What this hop has in common with those before it; `null` for the first.
    pub joined_by: Option<JoinedBy>,
    /// The resources that decided here.
    pub rules: Vec<Rule>,
    pub sni: Option<String>,
    /// Whether this proxy passed encrypted bytes through without the key.
    pub passed_through: bool,
    /// TLS towards the client.
    pub downstream: Option<Tls>,
    /// TLS towards the server.
    pub upstream: Option<Tls>,
    pub upstream_cluster: Option<String>,
    pub upstream_host: Option<String>,
    pub response_code: Option<u16>,
    /// Envoy's `%RESPONSE_FLAGS%`, `-` if none.
    pub response_flags: String,
    /// Envoy's `%RESPONSE_CODE_DETAILS%` or `%CONNECTION_TERMINATION_DETAILS%`.
    pub details: String,
    pub handshake_micros: Option<u64>,
    pub connect_micros: Option<u64>,
    pub first_byte_micros: Option<u64>,
    /// How long this hop's connection or request lasted; `null` while it is still open.
    pub duration_micros: Option<u64>,
}

/// What two hops have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum JoinedBy {
    /// Both saw the same ClientHello.
    ClientHelloRandom,
    /// The one's connection came from the address that the other's went out from.
    Addresses,
}

/// A resource that decided, and where it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rule {
    /// `VirtualService default/egress-server-ns2`
    pub resource: String,
    /// `cluster1/server-from-cluster2.yaml:41`, if the control plane knows the resource.
    pub place: Option<String>,
}

/// TLS as one side of a hop saw it: read from the ClientHello in passing, or known from taking
/// part.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tls {
    /// False where the proxy only read the ClientHello and passed the bytes through.
    pub terminated: bool,
    /// Lower-case hex; empty where the proxy does not record it.
    pub client_hello_random: String,
    pub sni: Option<String>,
    pub version: Option<String>,
    pub group: Option<String>,
    pub cipher: Option<String>,
    pub alpn: Option<String>,
    /// The URI name in the proxy's own certificate.
    pub local_identity: Option<String>,
    /// The URI name in the peer's certificate.
    pub peer_identity: Option<String>,
}
