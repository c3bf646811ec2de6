//! Settings of a mesh in the words of Istio's MeshConfig, for the federation or for one of its
//! clusters.

use serde::Deserialize;

use crate::mesh::{AccessLogEncoding, OutboundPolicy};

/// The part of Istio's `MeshConfig` (`istio/api mesh/v1alpha1/config.proto`) that Carrick obeys.
/// What is absent is as it was.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct MeshConfig {
    pub outbound_traffic_policy: Option<OutboundTrafficMode>,
    pub trust_domain_aliases: Option<Vec<String>>,
    pub root_namespace: Option<String>,
    pub enable_auto_mtls: Option<bool>,
    pub default_service_export_to: Option<Vec<String>>,
    pub default_virtual_service_export_to: Option<Vec<String>>,
    pub default_destination_rule_export_to: Option<Vec<String>>,
    /// `""` switches the log off.
    pub access_log_file: Option<String>,
    pub access_log_encoding: Option<AccessLogEncoding>,
    /// For TEXT, an Envoy format string; `""` is Istio's default line.
    pub access_log_format: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OutboundTrafficMode {
    pub mode: OutboundPolicy,
}
