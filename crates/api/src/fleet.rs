//! What runs in a federation on one machine: the supervisor's socket, and `carrick ps --json`.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::control::Refusal;
use crate::finding::Finding;

/// `GET /ps` of the supervisor's socket: what runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Fleet {
    /// The federation's name on this machine.
    pub name: String,
    pub pods: Vec<Pod>,
    /// The root CA and the control planes, by name.
    pub system: BTreeMap<String, Process>,
}

/// One pod that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pod {
    pub cluster: String,
    pub namespace: String,
    pub pod: String,
    pub role: Role,
    pub address: String,
    pub has_proxy: bool,
    /// Whether its proxy is Envoy.
    pub envoy: bool,
    /// The containers, and `proxy` for the agent with its proxy, by name.
    pub processes: BTreeMap<String, Process>,
}

/// What stands in front of a pod's traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Role {
    #[serde(rename = "sidecar")]
    Sidecar,
    #[serde(rename = "egress gateway")]
    EgressGateway,
    #[serde(rename = "ingress gateway")]
    IngressGateway,
    /// A gateway whose labels do not say which of the two it is.
    #[serde(rename = "gateway")]
    Gateway,
    #[serde(rename = "no proxy")]
    NoProxy,
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Sidecar => "sidecar",
            Self::EgressGateway => "egress gateway",
            Self::IngressGateway => "ingress gateway",
            Self::Gateway => "gateway",
            Self::NoProxy => "no proxy",
        })
    }
}

/// One process of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Process {
    pub state: ProcessState,
    /// How often it was started again.
    pub restarts: u32,
}

/// Whether a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ProcessState {
    Running,
    /// It ended, and is about to be started again.
    Waiting,
    /// It ended as it was told to.
    Ended,
    /// It could not be started.
    Failed,
}

impl fmt::Display for ProcessState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Ended => "ended",
            Self::Failed => "failed",
        })
    }
}

/// Names one pod, in requests to the supervisor's socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PodName {
    pub cluster: String,
    pub namespace: String,
    pub pod: String,
}

impl Pod {
    pub fn name(&self) -> PodName {
        PodName { cluster: self.cluster.clone(), namespace: self.namespace.clone(), pod: self.pod.clone() }
    }
}

/// `carrick ps --json`: what runs, and whether every proxy has its configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FleetStatus {
    /// The federation's name on this machine.
    pub name: String,
    pub pods: Vec<PodStatus>,
    /// The root CA and the control planes, by name.
    pub system: BTreeMap<String, Process>,
    /// Findings in the newest files, by cluster; clusters without any are left out.
    pub findings: BTreeMap<String, Vec<Finding>>,
    /// Clusters whose control plane does not answer.
    pub silent: Vec<String>,
}

/// One pod, and how its proxy stands with its control plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PodStatus {
    #[serde(flatten)]
    pub pod: Pod,
    pub configuration: Configuration,
}

/// How a proxy stands with its control plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Configuration {
    /// There is no proxy.
    None,
    NotConnected,
    /// The control plane does not answer.
    Unknown,
    /// A newer one is on its way.
    Behind,
    Newest,
    /// It does not run a part of it.
    Refused {
        /// What it refused, by `kind name`.
        refused: BTreeMap<String, Refusal>,
    },
}
