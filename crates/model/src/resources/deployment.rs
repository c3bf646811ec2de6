//! Kubernetes `Deployment` (apps/v1 and its ancestors): what the local runtime starts as pods.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::pod::PodSpec;
use super::selector::WorkloadSelector;

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Deployment {
    /// One where absent.
    pub replicas: Option<u32>,
    pub selector: Option<WorkloadSelector>,
    pub template: PodTemplate,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodTemplate {
    pub metadata: TemplateMetadata,
    pub spec: PodSpec,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TemplateMetadata {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}
