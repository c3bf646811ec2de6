//! The settings of a cluster's mesh: the federation's, and over them the cluster's own.

use carrick_identity::TrustDomain;
use carrick_identity::spiffe::SpiffeError;

use crate::mesh::{AccessLog, MeshSettings};
use crate::resources::{ClusterSpec, FederationSpec, MeshConfig};
use crate::visibility::ExportTo;

/// The mesh settings of one cluster of a federation: its own trust domain, and all the others' as
/// peers'.
pub(super) fn mesh_settings(
    federation: &FederationSpec,
    cluster: &ClusterSpec,
) -> Result<MeshSettings, SpiffeError> {
    let peers = federation.clusters.iter().filter(|other| other.name != cluster.name);
    // The proxies' own output, where `carrick logs` finds it.
    let access_log = AccessLog { path: "/dev/stdout".to_owned(), ..AccessLog::default() };
    let mut settings = MeshSettings {
        network: cluster.name.clone(),
        region: cluster.region.clone(),
        peer_trust_domains: peers
            .map(|peer| TrustDomain::new(peer.trust_domain()))
            .collect::<Result<Vec<_>, _>>()?,
        dns_suffix: federation.suffix.clone(),
        outbound_policy: federation.outbound_traffic_policy,
        service_range: federation.networks.services,
        global_address: federation.dns.global_address,
        access_log: Some(access_log),
        ..MeshSettings::new(&cluster.name, TrustDomain::new(cluster.trust_domain())?)
    };
    apply(&federation.mesh, &mut settings)?;
    apply(&cluster.mesh, &mut settings)?;
    Ok(settings)
}

/// Lays what is written over what held so far.
fn apply(written: &MeshConfig, settings: &mut MeshSettings) -> Result<(), SpiffeError> {
    if let Some(policy) = written.outbound_traffic_policy {
        settings.outbound_policy = policy.mode;
    }
    if let Some(aliases) = &written.trust_domain_aliases {
        settings.trust_domain_aliases = aliases.iter().map(TrustDomain::new).collect::<Result<_, _>>()?;
    }
    if let Some(namespace) = &written.root_namespace {
        settings.root_namespace.clone_from(namespace);
    }
    if let Some(enabled) = written.enable_auto_mtls {
        settings.enable_auto_mtls = enabled;
    }
    let exports = [
        (&written.default_service_export_to, &mut settings.default_service_export_to),
        (&written.default_virtual_service_export_to, &mut settings.default_virtual_service_export_to),
        (&written.default_destination_rule_export_to, &mut settings.default_destination_rule_export_to),
    ];
    for (names, setting) in exports {
        if let Some(names) = names {
            *setting = ExportTo::parse(names.iter().map(String::as_str), &ExportTo::everyone());
        }
    }
    apply_access_log(written, settings);
    Ok(())
}

fn apply_access_log(written: &MeshConfig, settings: &mut MeshSettings) {
    if let Some(path) = &written.access_log_file {
        let mut log = settings.access_log.take().unwrap_or_default();
        log.path.clone_from(path);
        settings.access_log = (!path.is_empty()).then_some(log);
    }
    let Some(log) = &mut settings.access_log else { return };
    if let Some(encoding) = written.access_log_encoding {
        log.encoding = encoding;
    }
    if let Some(format) = &written.access_log_format {
        log.format.clone_from(format);
    }
}
