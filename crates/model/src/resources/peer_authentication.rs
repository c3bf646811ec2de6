//! Istio `PeerAuthentication`: which connections a workload accepts.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::scalars::by_port;
use super::selector::WorkloadSelector;

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PeerAuthentication {
    pub selector: Option<WorkloadSelector>,
    pub mtls: Option<MutualTls>,
    /// By *target* port; counts only together with a selector.
    #[serde(deserialize_with = "by_port")]
    pub port_level_mtls: BTreeMap<u16, MutualTls>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct MutualTls {
    pub mode: MutualTlsMode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MutualTlsMode {
    /// Inherit from the next wider policy.
    #[default]
    Unset,
    Disable,
    Permissive,
    Strict,
}
