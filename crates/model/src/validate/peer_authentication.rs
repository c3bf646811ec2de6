//! PeerAuthentication, on its own.

use super::checker::Checker;
use crate::diagnostic::codes;
use crate::resources::PeerAuthentication;

pub(super) fn check(spec: &PeerAuthentication, check: &mut Checker<'_>) {
    let (meta, settings) = (check.meta(), check.settings());
    let selects = spec.selector.as_ref().is_some_and(|selector| !selector.match_labels.is_empty());
    if !selects && !spec.port_level_mtls.is_empty() {
        let reason = "`portLevelMtls` counts only for chosen workloads, and there is no selector";
        check.error(
            codes::CONTRADICTION,
            "spec.portLevelMtls",
            reason,
            "add `selector.matchLabels`, or remove it",
        );
    }
    if selects && meta.namespace == settings.root_namespace {
        let reason =
            format!("a policy with a selector in the root namespace `{}` is ignored", meta.namespace);
        let help = "move it to the workloads' namespace, or remove the selector";
        check.warning(codes::NO_EFFECT, "spec.selector", reason, help);
    }
}
