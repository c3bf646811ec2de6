//! Selection of workloads by labels, in the three spellings of the APIs.

use std::collections::BTreeMap;

use serde::Deserialize;

/// `selector: { matchLabels: … }` of the security kinds and of DestinationRule.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct WorkloadSelector {
    pub match_labels: BTreeMap<String, String>,
}

/// `workloadSelector: { labels: … }` of ServiceEntry and Sidecar.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LabelSelector {
    pub labels: BTreeMap<String, String>,
}

/// Whether every wanted label is there with the wanted value. An empty selector matches everything.
pub fn labels_match(wanted: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// `targetRef(s)` of the security kinds (Gateway API attachment).
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PolicyTargetReference {
    pub group: String,
    pub kind: String,
    pub name: String,
    pub namespace: String,
}
