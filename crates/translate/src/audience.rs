//! Which proxies get the same configuration of the mesh around them. A control plane makes their
//! outbound configuration once.
//!
//! It must not know what that configuration is: outbound translation is given this instead of a
//! node, so it cannot depend on more.

use std::net::{IpAddr, Ipv4Addr};

use carrick_model::snapshot::{EndpointAddress, MeshSnapshot};

use crate::node::ProxyNode;

/// A sidecar without what does not matter to its outbound side: two of one namespace are equal
/// unless a rule tells their labels apart, or they serve a headless service (whose members each
/// leave themselves out).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Audience(ProxyNode);

impl Audience {
    pub fn from_node(snapshot: &MeshSnapshot, node: &ProxyNode) -> Self {
        let mut labels = node.labels.clone();
        labels.retain(|key, _| snapshot.client_label_keys().contains(key));
        Self(ProxyNode {
            kind: node.kind,
            ip: if is_headless(snapshot, node) { node.ip } else { Ipv4Addr::UNSPECIFIED },
            name: String::new(),
            namespace: node.namespace.clone(),
            dns_domain: node.dns_domain.clone(),
            cluster_id: node.cluster_id.clone(),
            network: node.network.clone(),
            service_account: String::new(),
            workload_name: String::new(),
            labels,
        })
    }

    pub(crate) fn node(&self) -> &ProxyNode {
        &self.0
    }
}

/// Whether the proxy stands beside a member of a headless service.
fn is_headless(snapshot: &MeshSnapshot, node: &ProxyNode) -> bool {
    let own = EndpointAddress::Ip(IpAddr::V4(node.ip));
    let mut headless = snapshot.services().iter().filter(|service| service.headless);
    headless.any(|service| service.endpoints.iter().flatten().any(|endpoint| endpoint.address == own))
}
