//! Who a proxy is: Istio's node id and metadata (`pkg/model/proxy.go`; semantics document, section
//! 15). It must not know how the caller proved it; that is the server's business.

mod metadata;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use carrick_model::Workload;

use crate::envoy::core::Node;

/// What kind of proxy asks. Everything else that differs between sidecars and gateways is data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeKind {
    /// Beside an application, with its traffic captured.
    Sidecar,
    /// Alone: a gateway.
    Router,
}

impl NodeKind {
    /// The first part of the node id.
    pub fn as_str(self) -> &'static str {
        match self {
            NodeKind::Sidecar => "sidecar",
            NodeKind::Router => "router",
        }
    }
}

/// A proxy, as its node id and metadata describe it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProxyNode {
    pub kind: NodeKind,
    pub ip: Ipv4Addr,
    /// The pod's name.
    pub name: String,
    pub namespace: String,
    /// `ns.svc.cluster.local`: short host names are relative to it.
    pub dns_domain: String,
    pub cluster_id: String,
    /// The network that the pod's address belongs to; empty when there is only one.
    pub network: String,
    pub service_account: String,
    /// The Deployment or other owner, for names in telemetry; may be empty.
    pub workload_name: String,
    pub labels: BTreeMap<String, String>,
}

/// Why a node cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    #[error(
        "node id `{0}` is not of the form `sidecar|router~IP~POD.NAMESPACE~DOMAIN`: write all four parts"
    )]
    Shape(String),
    #[error("node id `{id}` is of kind `{kind}`: Carrick serves `sidecar` and `router`")]
    Kind { id: String, kind: String },
    #[error("node id `{id}` and INSTANCE_IPS hold no IPv4 address (`{ip}`): Carrick serves IPv4 pods")]
    Address { id: String, ip: String },
    #[error("node id `{id}` says namespace `{in_id}` but its metadata says `{in_metadata}`: make them equal")]
    Namespace { id: String, in_id: String, in_metadata: String },
}

impl ProxyNode {
    /// Reads `sidecar|router~IP~pod.ns~domain` and Istio's metadata. Addresses in metadata
    /// `INSTANCE_IPS` come first, and the namespace there must not contradict the id.
    pub fn from_envoy_node(node: &Node) -> Result<ProxyNode, NodeError> {
        let id = &node.id;
        let parts: Vec<&str> = id.split('~').collect();
        let [kind, ip, pod, dns_domain] = parts[..] else { return Err(NodeError::Shape(id.clone())) };
        let kind = match kind {
            "sidecar" => NodeKind::Sidecar,
            "router" => NodeKind::Router,
            other => return Err(NodeError::Kind { id: id.clone(), kind: other.into() }),
        };
        // Pod names may contain dots, namespaces may not.
        let Some((name, namespace)) =
            pod.rsplit_once('.').filter(|(name, ns)| !name.is_empty() && !ns.is_empty())
        else {
            return Err(NodeError::Shape(id.clone()));
        };
        let metadata = metadata::Reader::new(node.metadata.as_ref());
        match metadata.string("NAMESPACE") {
            Some(other) if other != namespace => {
                return Err(NodeError::Namespace {
                    id: id.clone(),
                    in_id: namespace.into(),
                    in_metadata: other.into(),
                });
            }
            _ => {}
        }
        let instance_ips = metadata.string("INSTANCE_IPS").unwrap_or_default();
        let ip = instance_ips
            .split(',')
            .chain([ip])
            .find_map(|ip| ip.trim().parse().ok())
            .ok_or_else(|| NodeError::Address { id: id.clone(), ip: ip.into() })?;
        let text = |key| metadata.string(key).unwrap_or_default().to_owned();
        Ok(ProxyNode {
            kind,
            ip,
            name: name.into(),
            namespace: namespace.into(),
            dns_domain: dns_domain.into(),
            cluster_id: text("CLUSTER_ID"),
            network: text("NETWORK"),
            service_account: text("SERVICE_ACCOUNT"),
            workload_name: text("WORKLOAD_NAME"),
            labels: metadata.labels(),
        })
    }

    /// The proxy of a workload, by the control plane's own record of it: what the proxy itself
    /// claims has no part in this. `None`: the workload has no IPv4 address.
    pub fn of_workload(workload: &Workload, cluster_domain: &str) -> Option<ProxyNode> {
        let mut addresses = workload.addresses.iter();
        let ip = addresses.find_map(|address| match address {
            IpAddr::V4(address) => Some(*address),
            IpAddr::V6(_) => None,
        })?;
        Some(ProxyNode {
            kind: if workload.is_gateway { NodeKind::Router } else { NodeKind::Sidecar },
            ip,
            name: workload.name.clone(),
            namespace: workload.namespace.clone(),
            dns_domain: format!("{}.svc.{cluster_domain}", workload.namespace),
            cluster_id: workload.cluster.clone(),
            network: workload.network.clone(),
            service_account: workload.service_account.clone(),
            workload_name: workload.owner.clone(),
            labels: workload.labels.clone(),
        })
    }

    /// The id and metadata that Istio's agent would put into a bootstrap for this proxy.
    pub fn to_envoy_node(&self) -> Node {
        let app = self.labels.get("app").unwrap_or(&self.name);
        Node {
            id: self.id(),
            cluster: format!("{app}.{}", self.namespace),
            metadata: Some(metadata::write(self)),
            ..Default::default()
        }
    }

    pub fn id(&self) -> String {
        format!("{}~{}~{}.{}~{}", self.kind.as_str(), self.ip, self.name, self.namespace, self.dns_domain)
    }
}

#[cfg(test)]
mod tests;
