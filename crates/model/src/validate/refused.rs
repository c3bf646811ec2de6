//! Kinds that Carrick reads and does not apply, with the reason.

use super::checker::Checker;
use crate::diagnostic::codes;
use crate::resources::{FederationSpec, RequestAuthentication};

pub(super) fn request_authentication(_: &RequestAuthentication, check: &mut Checker<'_>) {
    let reason = format!("Carrick does not support {} yet; it is not applied", check.meta().kind);
    check.error(codes::UNSUPPORTED, "", reason, "remove it");
}

pub(super) fn federation(_: &FederationSpec, check: &mut Checker<'_>) {
    let reason = "a Federation names a federation's clusters; it is no resource of a cluster";
    check.error(codes::FEDERATION, "kind", reason, "move it out of the cluster's resources");
}
