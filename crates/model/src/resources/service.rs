//! Kubernetes `Service` (v1).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::scalars::IntOrString;

/// The `spec` of a Kubernetes Service. The mesh's own, unified notion is
/// [`crate::snapshot::Service`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct KubernetesService {
    #[serde(rename = "type")]
    pub service_type: ServiceType,
    /// An address, `None` for a headless service, or empty: allocated.
    #[serde(rename = "clusterIP")]
    pub cluster_ip: String,
    #[serde(rename = "clusterIPs")]
    pub cluster_ips: Vec<String>,
    pub external_name: String,
    #[serde(rename = "externalIPs")]
    pub external_ips: Vec<String>,
    pub ports: Vec<KubernetesServicePort>,
    pub selector: BTreeMap<String, String>,
    pub publish_not_ready_addresses: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum ServiceType {
    #[default]
    #[serde(rename = "ClusterIP")]
    ClusterIp,
    NodePort,
    LoadBalancer,
    ExternalName,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct KubernetesServicePort {
    pub name: String,
    pub port: u16,
    /// By number or by the name of a container port; the service port itself when absent.
    pub target_port: Option<IntOrString>,
    pub protocol: TransportProtocol,
    pub app_protocol: String,
    pub node_port: u16,
}

/// A Kubernetes port's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, PartialOrd, Ord)]
#[serde(rename_all = "UPPERCASE")]
pub enum TransportProtocol {
    #[default]
    Tcp,
    Udp,
    Sctp,
}
