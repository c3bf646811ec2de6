//! What a Gateway leads to: the Secrets that its servers name.

use std::collections::BTreeSet;

use super::Surroundings;
use crate::diagnostic::codes;
use crate::resource::Resource;
use crate::resources::*;
use crate::snapshot::missing_credentials;
use crate::validate::checker::Checker;

/// Secrets that servers name and that a gateway's namespace does not have.
pub(super) fn credentials(resource: &Resource<Gateway>, around: &Surroundings<'_>, check: &mut Checker<'_>) {
    let selected =
        around.workloads.all().iter().filter(|one| labels_match(&resource.spec.selector, &one.labels));
    let namespaces: BTreeSet<&str> = selected.map(|workload| workload.namespace.as_str()).collect();
    for (number, server) in resource.spec.servers.iter().enumerate() {
        let Some(tls) = &server.tls else { continue };
        for namespace in &namespaces {
            for missing in missing_credentials(tls, |name| around.inventory.secret(namespace, name)) {
                let reason = format!(
                    "the gateway's namespace `{namespace}` has no Secret `{}` with {}; the server stays closed",
                    missing.name, missing.what
                );
                let field = format!("spec.servers[{number}].tls.{}", missing.field);
                let help = "add the Secret to that namespace, or correct the name";
                check.warning(codes::DANGLING, &field, reason, help);
            }
        }
    }
}
