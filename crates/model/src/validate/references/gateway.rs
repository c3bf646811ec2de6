//! What a Gateway leads to: the Secrets that its servers name.

use std::collections::BTreeSet;

use super::Surroundings;
use crate::diagnostic::codes;
use crate::resource::Resource;
use crate::resources::*;
use crate::validate::checker::Checker;

/// Secrets that servers name and that a gateway's namespace does not have.
pub(super) fn credentials(resource: &Resource<Gateway>, around: &Surroundings<'_>, check: &mut Checker<'_>) {
    let selected =
        around.workloads.all().iter().filter(|one| labels_match(&resource.spec.selector, &one.labels));
    let namespaces: BTreeSet<&str> = selected.map(|workload| workload.namespace.as_str()).collect();
    for (number, server) in resource.spec.servers.iter().enumerate() {
        let Some(tls) = &server.tls else { continue };
        for namespace in &namespaces {
            let secret = |name: &str| around.inventory.secret(namespace, name);
            if let Some((field, name)) = tls.certificate_credential()
                && secret(name).and_then(Secret::certificate).is_none()
            {
                let what = "a certificate and its key (`tls.crt`, `tls.key`)";
                missing_secret(number, field, name, namespace, what, check);
            }
            if let Some((field, name)) = tls.roots_credential() {
                let beside = format!("{name}-cacert");
                let found = [beside.as_str(), name].into_iter().find_map(|name| secret(name)?.roots());
                if found.is_none() {
                    missing_secret(number, field, name, namespace, "roots (`ca.crt`)", check);
                }
            }
        }
    }
}

fn missing_secret(
    server: usize,
    field: &str,
    name: &str,
    namespace: &str,
    what: &str,
    check: &mut Checker<'_>,
) {
    let reason = format!(
        "the gateway's namespace `{namespace}` has no Secret `{name}` with {what}; the server stays closed"
    );
    let field = format!("spec.servers[{server}].tls.{field}");
    check.warning(codes::DANGLING, &field, reason, "add the Secret to that namespace, or correct the name");
}
