//! The table from which DNS answers.

use std::net::IpAddr;

/// What a name resolves to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameEntry {
    pub addresses: Vec<IpAddr>,
    pub registry: Registry,
    /// `server` of `server.default.svc.cluster.local`; empty for ServiceEntry hosts.
    pub short_name: String,
    pub namespace: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Registry {
    Kubernetes,
    External,
}
