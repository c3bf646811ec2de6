//! MeshPolicy and Policy of Istio 1.0, on their own.

use super::checker::Checker;
use crate::diagnostic::codes;
use crate::resource::Kind;
use crate::resources::LegacyPolicy;

pub(super) fn check(spec: &LegacyPolicy, check: &mut Checker<'_>) {
    let meta = check.meta();
    let for_all = meta.kind == Kind::MeshPolicy || spec.targets.is_empty();
    if for_all && meta.name != "default" {
        let reason = "a policy for the whole mesh or namespace must be named `default`";
        check.error(codes::CONTRADICTION, "metadata.name", reason, "rename it, or add `targets` to a Policy");
    }
    if meta.kind == Kind::MeshPolicy && !spec.targets.is_empty() {
        let reason = "a MeshPolicy is for the whole mesh and has no targets";
        check.error(codes::CONTRADICTION, "spec.targets", reason, "remove them, or write a Policy");
    }
    for (number, target) in spec.targets.iter().enumerate() {
        let field = format!("spec.targets[{number}].name");
        if target.name.contains('.') {
            let reason = "a target is the short name of a service of this namespace";
            check.error(codes::BAD_FORM, &field, reason, "write the name up to the first dot");
        } else {
            check.label(&field, &target.name);
        }
    }
    for (number, peer) in spec.peers.iter().enumerate() {
        if peer.jwt.is_some() {
            unsupported(&format!("spec.peers[{number}].jwt"), "JWT authentication", check);
        }
        if peer.mtls.as_ref().is_some_and(|mtls| mtls.allow_tls) {
            unsupported(
                &format!("spec.peers[{number}].mtls.allowTls"),
                "TLS without a client certificate",
                check,
            );
        }
    }
    if !spec.origins.is_empty() {
        unsupported("spec.origins", "JWT authentication", check);
    }
}

fn unsupported(field: &str, what: &str, check: &mut Checker<'_>) {
    let reason = format!("{what} is not supported; the policy is not applied");
    check.error(codes::UNSUPPORTED, field, reason, "remove it");
}
