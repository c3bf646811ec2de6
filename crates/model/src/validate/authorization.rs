//! AuthorizationPolicy: refused as a whole until the proxies enforce it, so that nobody relies on it in vain.

use super::checker::Checker;
use crate::diagnostic::codes;
use crate::resources::AuthorizationPolicy;

pub(super) fn check(_: &AuthorizationPolicy, check: &mut Checker<'_>) {
    let reason =
        "Carrick does not support AuthorizationPolicy yet; it is not applied, and nothing is refused by it";
    check.error(codes::UNSUPPORTED, "", reason, "remove it");
}
