//! What a proxy does with a connection: the data plane's own decisions, over the very resources
//! that translation makes for it.
//!
//! It must not know who wrote these resources, nor what their authors wanted.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use carrick_model::snapshot::{Endpoint, EndpointAddress, MeshSnapshot, Workload};
use carrick_policy::address::Address;
use carrick_policy::chain::ChainFacts;
use carrick_policy::config::address::Host;
use carrick_policy::config::cluster::{ClusterConfig, Discovery, TransportConfig};
use carrick_policy::config::endpoint::Assignment;
use carrick_policy::config::resource;
use carrick_policy::config::socket::SocketSettings;
use carrick_policy::listener::config::{ListenerConfig, NetworkFilter};
use carrick_policy::tcp_proxy::Target;
use carrick_translate::{Audience, NodeKind, ProxyNode, outbound, translate};
use carrick_xds::{ProxyResources, ResourceType};

/// The resources of one proxy, and its listeners as the data plane reads them.
pub(crate) struct Running {
    resources: ProxyResources,
    /// A listener that the data plane would refuse is not there, as in a proxy that starts with it.
    listeners: Vec<ListenerConfig>,
}

/// What a client says before anything is encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) server_name: String,
    pub(crate) alpn: Vec<String>,
}

/// What becomes of a TLS connection at a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// No filter chain is for it (or nothing listens): it is closed.
    Refused,
    /// It ends here; what comes after is another connection.
    Ended,
    /// It is passed on unopened, to one of these clusters. `rule` is the config path of who says
    /// so.
    PassedOn { rule: Option<String>, clusters: Vec<String> },
}

impl Running {
    /// A gateway's proxy.
    pub(crate) fn gateway(snapshot: &MeshSnapshot, workload: &Workload) -> Running {
        let node = ProxyNode::of_workload(workload, &snapshot.settings().cluster_domain);
        let resources = node
            .map(|node| translate(snapshot, &ProxyNode { kind: NodeKind::Router, ..node }))
            .unwrap_or_default();
        let listeners = resources.of(ResourceType::Listener);
        let read = listeners.filter_map(|one| ListenerConfig::from_proto(&resource(&one.body).ok()?).ok());
        let listeners = read.collect();
        Running { resources, listeners }
    }

    /// The part of sidecars of one namespace and labels that says how they call.
    pub(crate) fn client(
        snapshot: &MeshSnapshot,
        namespace: &str,
        labels: &BTreeMap<String, String>,
    ) -> Running {
        let settings = snapshot.settings();
        let node = ProxyNode {
            kind: NodeKind::Sidecar,
            ip: Ipv4Addr::UNSPECIFIED,
            name: String::new(),
            namespace: namespace.to_owned(),
            dns_domain: format!("{namespace}.svc.{}", settings.cluster_domain),
            cluster_id: settings.cluster.clone(),
            network: settings.network.clone(),
            service_account: String::new(),
            workload_name: String::new(),
            labels: labels.clone(),
        };
        let resources = outbound(snapshot, &Audience::from_node(snapshot, &node));
        Running { resources, listeners: Vec::new() }
    }

    /// What becomes of a TLS connection to a port of this proxy.
    pub(crate) fn accept_tls(&self, port: u16, hello: &Hello) -> Decision {
        let Some(listener) = self.listeners.iter().find(|listener| listener.address.port() == port) else {
            return Decision::Refused;
        };
        let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let facts = ChainFacts {
            destination: (nowhere, port),
            source: (nowhere, 0),
            server_name: &hello.server_name,
            transport_protocol: "tls",
            application_protocols: &hello.alpn,
        };
        let found = listener.table.find(&facts).and_then(|index| listener.chains.get(index));
        let Some(chain) = found.or(listener.default_chain.as_ref()) else { return Decision::Refused };
        match (&chain.tls, &chain.filter) {
            (None, NetworkFilter::TcpProxy(proxy)) => {
                let clusters = match &proxy.target {
                    Target::Cluster(name) => vec![name.clone()],
                    Target::Weighted(several) => several.iter().map(|(name, _)| name.clone()).collect(),
                };
                Decision::PassedOn { rule: chain.rule.clone(), clusters }
            }
            (Some(_), _) | (None, NetworkFilter::Http(_) | NetworkFilter::Close) => Decision::Ended,
        }
    }

    /// What this proxy says first on its connections to a cluster, for a request to `authority`;
    /// nothing where it does not encrypt, or does so for some hosts only.
    pub(crate) fn hello(&self, cluster: &str, authority: &str) -> Hello {
        let transports = self.cluster(cluster).map(|found| found.transports).unwrap_or_default();
        let [TransportConfig { tls: Some(tls), .. }] = transports.as_slice() else { return Hello::default() };
        let name = if tls.auto_sni { authority } else { &tls.sni };
        let alpn = tls.settings.alpn.iter().map(|protocol| String::from_utf8_lossy(protocol).into_owned());
        Hello { server_name: name.to_ascii_lowercase(), alpn: alpn.collect() }
    }

    /// The hosts behind a cluster, by address or by a name for DNS; none behind one that this proxy
    /// does not have.
    pub(crate) fn hosts(&self, cluster: &str) -> Hosts {
        let assignment = match self.cluster(cluster).map(|found| found.discovery) {
            Some(Discovery::Static(assignment) | Discovery::Dns { assignment, .. }) => Some(assignment),
            Some(Discovery::Eds { service, .. }) => {
                let name = if service.is_empty() { cluster } else { &service };
                self.resources
                    .get(ResourceType::Endpoint, name)
                    .and_then(|found| Assignment::from_proto(&resource(&found.body).ok()?, false).ok())
            }
            Some(Discovery::OriginalDestination) => return Hosts::AsDialled,
            None => None,
        };
        let all = assignment.iter().flat_map(Assignment::hosts);
        Hosts::Listed(all.map(|assigned| assigned.host.clone()).collect())
    }

    fn cluster(&self, name: &str) -> Option<ClusterConfig> {
        let found = self.resources.get(ResourceType::Cluster, name)?;
        ClusterConfig::from_proto(&resource(&found.body).ok()?, &SocketSettings::default()).ok()
    }
}

/// Where a cluster's connections go.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Hosts {
    Listed(Vec<Host>),
    /// To the address that was dialled.
    AsDialled,
}

impl Hosts {
    /// Whether an endpoint, as the model has it, is one of them.
    pub(crate) fn contains(&self, endpoint: &Endpoint) -> bool {
        let Hosts::Listed(hosts) = self else { return true };
        hosts.iter().any(|host| match (host, &endpoint.address) {
            (Host::Address(Address::Socket(socket)), EndpointAddress::Ip(ip)) => {
                (socket.ip(), socket.port()) == (*ip, endpoint.port)
            }
            (Host::Name { name, port }, EndpointAddress::Host(host)) => {
                (name, *port) == (host, endpoint.port)
            }
            _ => false,
        })
    }
}

/// Port, subset and host of a cluster by Istio's name for it, `outbound|80|v1|host` or
/// `outbound_.80_.v1_.host`.
pub(crate) fn named_upstream(cluster: &str) -> Option<(u16, &str, &str)> {
    let (separator, rest) = match cluster.strip_prefix("outbound_.") {
        Some(rest) => ("_.", rest),
        None => ("|", cluster.strip_prefix("outbound|")?),
    };
    let (port, rest) = rest.split_once(separator)?;
    let (subset, host) = rest.split_once(separator)?;
    Some((port.parse().ok()?, subset, host))
}

#[cfg(test)]
mod tests;
