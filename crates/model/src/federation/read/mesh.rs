//! Checks the settings of meshes in a federation file.

use carrick_identity::TrustDomain;

use super::Check;
use crate::host;
use crate::mesh::AccessLogEncoding;
use crate::resources::{FederationSpec, MeshConfig};

pub(super) fn check(spec: &FederationSpec, check: &mut Check<'_>) {
    one("spec.mesh", &spec.mesh, check);
    if spec.clusters.len() > 1 && spec.mesh.trust_domain_aliases.as_ref().is_some_and(|all| !all.is_empty()) {
        let reason =
            "clusters of one federation share no identities, so no alias is of all of them".to_owned();
        let help = "write it in `mesh` of the cluster whose name it was";
        check.error("spec.mesh.trustDomainAliases", reason, help);
    }
    for (number, cluster) in spec.clusters.iter().enumerate() {
        let field = format!("spec.clusters[{number}].mesh");
        one(&field, &cluster.mesh, check);
        for (position, alias) in cluster.mesh.trust_domain_aliases.iter().flatten().enumerate() {
            let others = spec.clusters.iter().enumerate().filter(|(other, _)| *other != number);
            for (_, other) in others {
                let taken = other.trust_domain() == *alias
                    || other.mesh.trust_domain_aliases.iter().flatten().any(|theirs| theirs == alias);
                if taken {
                    let field = format!("{field}.trustDomainAliases[{position}]");
                    let reason = format!("`{alias}` is a name of the cluster `{}`", other.name);
                    check.error(
                        &field,
                        reason,
                        "remove it: it would give that cluster's workloads the rights of this one's",
                    );
                }
            }
        }
    }
}

fn one(field: &str, mesh: &MeshConfig, check: &mut Check<'_>) {
    for (number, alias) in mesh.trust_domain_aliases.iter().flatten().enumerate() {
        if let Err(fault) = TrustDomain::new(alias) {
            let field = format!("{field}.trustDomainAliases[{number}]");
            check.error(&field, fault.to_string(), "write a name such as `old.example`");
        }
    }
    if let Some(fault) = mesh.root_namespace.as_deref().and_then(host::label_fault) {
        let reason = format!("the namespace is no DNS label: {fault}");
        check.error(&format!("{field}.rootNamespace"), reason, "use letters, digits and `-`");
    }
    let exports = [
        ("defaultServiceExportTo", &mesh.default_service_export_to),
        ("defaultVirtualServiceExportTo", &mesh.default_virtual_service_export_to),
        ("defaultDestinationRuleExportTo", &mesh.default_destination_rule_export_to),
    ];
    for (name, values) in exports {
        for (number, value) in values.iter().flatten().enumerate() {
            let fault = host::label_fault(value);
            if let Some(fault) = fault.filter(|_| !matches!(value.as_str(), "." | "*" | "~")) {
                let reason = format!("`{value}` is no namespace: {fault}");
                check.error(
                    &format!("{field}.{name}[{number}]"),
                    reason,
                    "write `.`, `*`, `~` or namespaces",
                );
            }
        }
    }
    let has_format = mesh.access_log_format.as_ref().is_some_and(|format| !format.is_empty());
    if has_format && mesh.access_log_encoding == Some(AccessLogEncoding::Json) {
        let reason = "a format of one's own is not supported for JSON yet".to_owned();
        check.error(&format!("{field}.accessLogFormat"), reason, "remove it, or use the encoding TEXT");
    }
}
