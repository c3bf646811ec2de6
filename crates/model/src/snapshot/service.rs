//! The mesh's own notion of a service: Kubernetes Services and the hosts of ServiceEntries alike.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::protocol::Protocol;
use crate::cidr::Cidr;
use crate::host;
use crate::resource::Meta;
use crate::visibility::ExportTo;

/// One host that can be called.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// The full host name, lower case; a ServiceEntry's may be a wildcard.
    pub host: String,
    /// The resource's name (not unique among a ServiceEntry's hosts).
    pub name: String,
    pub namespace: String,
    pub meta: Arc<Meta>,
    pub kind: ServiceKind,
    /// Cluster IP, explicit addresses and CIDRs, or the one allocated address. Empty: bind the
    /// wildcard.
    pub addresses: Vec<Cidr>,
    /// `addresses` was allocated, not written.
    pub auto_address: bool,
    pub ports: Vec<ServicePort>,
    pub resolution: Resolution,
    /// Outside the mesh: no automatic mTLS.
    pub mesh_external: bool,
    /// A Kubernetes Service with `clusterIP: None`.
    pub headless: bool,
    pub export_to: ExportTo,
    /// Endpoints per port, in the order of `ports`. For DNS resolutions a host name may be an
    /// endpoint.
    pub endpoints: Vec<Vec<Endpoint>>,
    /// `subjectAltNames` of a ServiceEntry, as written.
    pub subject_alt_names: Vec<String>,
    /// The labels that select the service's pods; empty for none.
    pub selector: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServiceKind {
    Kubernetes,
    Entry,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePort {
    /// The port that clients call.
    pub number: u16,
    pub name: String,
    pub protocol: Protocol,
    pub target: TargetPort,
}

/// The port that endpoints listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetPort {
    Number(u16),
    /// The name of a container port; each pod may have another number for it.
    Named(String),
}

/// How a client's proxy finds the endpoints of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// From the endpoints that the control plane knows (EDS): Kubernetes and `STATIC`.
    ClientSide,
    /// `DNS`: all addresses behind the endpoints' names.
    Dns,
    /// `DNS_ROUND_ROBIN`: one address at a time.
    DnsRoundRobin,
    /// The address that the client called: `NONE` and headless Services.
    Passthrough,
    /// `DYNAMIC_DNS`: the name that the client called.
    DynamicDns,
    /// A Kubernetes ExternalName.
    Alias(String),
}

/// One place where a port of a service is served.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    pub address: EndpointAddress,
    /// Zero for Unix sockets.
    pub port: u16,
    pub namespace: String,
    /// The pod or WorkloadEntry; empty for a ServiceEntry's inline endpoints.
    pub workload: String,
    pub labels: BTreeMap<String, String>,
    /// Empty where unknown.
    pub service_account: String,
    /// Whether the endpoint's proxy speaks Istio mutual TLS.
    pub tls: TlsCapability,
    pub network: String,
    /// `region/zone/subzone`.
    pub locality: String,
    /// One where none was written.
    pub weight: u32,
    pub healthy: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsCapability {
    Istio,
    Disabled,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndpointAddress {
    Ip(IpAddr),
    Host(String),
    /// A path, or `@name` in the abstract namespace.
    Unix(String),
}

impl Service {
    /// The single addresses (no ranges).
    pub fn ips(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.addresses.iter().filter(|cidr| cidr.is_single()).map(|cidr| cidr.address())
    }

    pub fn is_wildcard(&self) -> bool {
        host::is_wildcard(&self.host)
    }

    /// The port of that number and its index.
    pub fn port(&self, number: u16) -> Option<(usize, &ServicePort)> {
        self.ports.iter().enumerate().find(|(_, port)| port.number == number)
    }

    /// The endpoints of the port with that index.
    pub fn endpoints_of(&self, port: usize) -> &[Endpoint] {
        self.endpoints.get(port).map(Vec::as_slice).unwrap_or_default()
    }

    pub fn is_visible_to(&self, namespace: &str) -> bool {
        self.export_to.admits(&self.namespace, namespace)
    }
}

/// The key of a service's port and subset in the form that is fit for SNI,
/// `outbound_.80_.v1_.host`; without a subset `outbound_.80_._.host` (Istio `model/service.go`,
/// `BuildDNSSrvSubsetKey`).
pub fn sni_key(port: u16, subset: &str, host: &str) -> String {
    format!("outbound_.{port}_.{subset}_.{host}")
}

impl fmt::Display for EndpointAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EndpointAddress::Ip(ip) => write!(f, "{ip}"),
            EndpointAddress::Host(host) => f.write_str(host),
            EndpointAddress::Unix(path) => write!(f, "unix://{path}"),
        }
    }
}
