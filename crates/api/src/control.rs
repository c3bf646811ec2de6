//! The control plane's socket for the operator.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::finding::Finding;

/// `GET /status`: what a control plane makes of the newest files, and its proxies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Status {
    /// Rises by one with every change of the configuration.
    pub version: u64,
    /// Findings in the newest files, also where an older version is in force.
    pub diagnostics: Vec<Finding>,
    /// The findings as a person reads them, with the lines that they are about.
    pub rendered: String,
    pub proxies: Vec<ProxyStatus>,
    /// Rises whenever a proxy refuses something, or takes what it had refused.
    pub refusals: u64,
}

/// One connected proxy, as its control plane sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProxyStatus {
    /// `sidecar~IP~pod.namespace~domain`
    pub node: String,
    /// The program that it says it is: `envoy`, `carrick`.
    pub program: String,
    /// The version of the configuration that it was sent last.
    pub sent: u64,
    /// What it refused and does not run, by `kind name`.
    pub refused: BTreeMap<String, Refusal>,
}

/// Why a proxy does not run a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Refusal {
    /// In the proxy's own words.
    pub reason: String,
    /// What the operator wrote that the resource was made of: `Kind namespace/name file:line`.
    pub causes: Vec<String>,
}

/// `GET /resolve?path=/apis/…`: which resource a proxy's record means, and where it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Resolved {
    pub resource: String,
    /// `file:line`
    pub place: String,
}

/// `GET /services?after=VERSION`: the Kubernetes Services, for whoever makes their addresses
/// reachable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Services {
    pub version: u64,
    pub services: Vec<Service>,
}

/// One Kubernetes Service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Service {
    pub host: String,
    pub addresses: Vec<IpAddr>,
    pub ports: Vec<ServicePort>,
}

/// One port of a Service, and who serves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServicePort {
    pub number: u16,
    /// Healthy endpoints only.
    pub targets: Vec<SocketAddr>,
}
