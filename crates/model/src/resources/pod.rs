//! Kubernetes `Pod` (v1): what runs, under which account, and at which address.

use serde::Deserialize;

use super::service::TransportProtocol;

/// A pod with its status, which the local runtime or Kubernetes fills in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Pod {
    pub spec: PodSpec,
    pub status: PodStatus,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodSpec {
    pub service_account_name: String,
    /// The deprecated spelling of `serviceAccountName`.
    pub service_account: String,
    pub containers: Vec<Container>,
    pub init_containers: Vec<Container>,
    pub hostname: String,
    pub subdomain: String,
    pub node_name: String,
    pub host_network: bool,
}

impl PodSpec {
    /// The service account, `default` where none is named.
    pub fn account(&self) -> &str {
        match (self.service_account_name.as_str(), self.service_account.as_str()) {
            ("", "") => "default",
            ("", deprecated) => deprecated,
            (name, _) => name,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Container {
    pub name: String,
    pub image: String,
    pub command: Vec<String>,
    pub args: Vec<String>,
    pub working_dir: String,
    pub env: Vec<EnvVar>,
    pub ports: Vec<ContainerPort>,
}

/// `value` only; a variable with `valueFrom` has no value that Carrick can know.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EnvVar {
    pub name: String,
    pub value: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ContainerPort {
    pub name: String,
    pub container_port: u16,
    pub protocol: TransportProtocol,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodStatus {
    /// `Running` and so on; empty counts as running.
    pub phase: String,
    #[serde(rename = "podIP")]
    pub pod_ip: String,
    #[serde(rename = "podIPs")]
    pub pod_ips: Vec<PodIp>,
    pub conditions: Vec<PodCondition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodIp {
    pub ip: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodCondition {
    #[serde(rename = "type")]
    pub condition: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
}

impl PodStatus {
    /// Whether the pod takes traffic: it is not finished, and no `Ready` condition says otherwise.
    pub fn is_ready(&self) -> bool {
        let unready = self.conditions.iter().any(|c| c.condition == "Ready" && c.status != "True");
        !unready && !matches!(self.phase.as_str(), "Succeeded" | "Failed")
    }
}
