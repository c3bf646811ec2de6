//! Settings of a mesh in the words of Istio's MeshConfig, for the federation or for one of its clusters.

use carrick_identity::TrustDomain;
use carrick_identity::spiffe::SpiffeError;
use serde::Deserialize;

use crate::mesh::{AccessLogEncoding, MeshSettings, OutboundPolicy};
use crate::snapshot::ExportTo;

/// The part of Istio's `MeshConfig` (`istio/api mesh/v1alpha1/config.proto`) that Carrick obeys. What is absent is as it was.
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

impl MeshConfig {
    /// Lays this over settings.
    ///
    /// # Errors
    /// When a trust domain is none; [`super::parse_federation`] hands out no such federation.
    pub fn apply(&self, settings: &mut MeshSettings) -> Result<(), SpiffeError> {
        if let Some(policy) = self.outbound_traffic_policy {
            settings.outbound_policy = policy.mode;
        }
        if let Some(aliases) = &self.trust_domain_aliases {
            settings.trust_domain_aliases = aliases.iter().map(TrustDomain::new).collect::<Result<_, _>>()?;
        }
        if let Some(namespace) = &self.root_namespace {
            settings.root_namespace.clone_from(namespace);
        }
        if let Some(enabled) = self.enable_auto_mtls {
            settings.enable_auto_mtls = enabled;
        }
        let exports = [
            (&self.default_service_export_to, &mut settings.default_service_export_to),
            (&self.default_virtual_service_export_to, &mut settings.default_virtual_service_export_to),
            (&self.default_destination_rule_export_to, &mut settings.default_destination_rule_export_to),
        ];
        for (written, setting) in exports {
            if let Some(written) = written {
                *setting = ExportTo::parse(written.iter().map(String::as_str), &ExportTo::everyone());
            }
        }
        self.apply_access_log(settings);
        Ok(())
    }

    fn apply_access_log(&self, settings: &mut MeshSettings) {
        if let Some(path) = &self.access_log_file {
            let mut log = settings.access_log.take().unwrap_or_default();
            log.path.clone_from(path);
            settings.access_log = (!path.is_empty()).then_some(log);
        }
        let Some(log) = &mut settings.access_log else { return };
        if let Some(encoding) = self.access_log_encoding {
            log.encoding = encoding;
        }
        if let Some(format) = &self.access_log_format {
            log.format.clone_from(format);
        }
    }
}
