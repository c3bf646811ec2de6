//! Istio `WorkloadEntry`, which is also an endpoint of a ServiceEntry.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A workload outside Kubernetes, or one address of a ServiceEntry.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WorkloadEntry {
    /// An IP, a host name (DNS resolutions only), or `unix:///path`.
    pub address: String,
    /// Port names of the ServiceEntry to the ports of this endpoint.
    pub ports: BTreeMap<String, u16>,
    pub labels: BTreeMap<String, String>,
    pub network: String,
    /// `region/zone/subzone`.
    pub locality: String,
    pub weight: u32,
    pub service_account: String,
}
