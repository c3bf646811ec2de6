//! What a rule is: a stable code, a name, and the words that `carrick explain` and `docs/analyze.md` print.

use super::{authorization, egress, gateways, subsets, tls, verdict};
use crate::diagnostic::{Diagnostic, Severity};
use crate::resource::Meta;

/// A mistake that can be found by looking at the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Never given to another rule, also when this one is dropped.
    pub code: &'static str,
    pub severity: Severity,
    /// One line: what is the matter.
    pub title: &'static str,
    /// How it comes about and what it does, with its source. Paragraphs are apart by an empty line.
    pub why: &'static str,
    pub mend: &'static str,
}

/// All rules in the order of their codes.
pub const RULES: &[&Rule] = &[
    &tls::NO_IDENTITY_PINNED,
    &tls::VERIFICATION_OFF,
    &verdict::NO_MESH_PROTOCOL,
    &verdict::WRONG_TRUST_DOMAIN,
    &verdict::IDENTITY_NOBODY_HAS,
    &verdict::ONE_SIDE_PLAIN,
    &gateways::ENCRYPTED_TWICE,
    &verdict::NOBODY_ENDS_TLS,
    &verdict::NO_CLIENT_CERTIFICATE,
    &authorization::PRINCIPAL_OF_NOBODY,
    &egress::UNKNOWN_NAMES_LEAVE,
    &egress::ORIGINAL_DESTINATION,
    &egress::SENDS_TO_ITSELF,
    &subsets::SUBSET_OUT_OF_SIGHT,
    &authorization::NAMESPACE_OF_EVERY_CLUSTER,
    &gateways::SNI_WIDER_THAN_GATEWAY,
    &gateways::TLS_HOST_TAKEN,
    &gateways::PORT_CONTRADICTED,
    &gateways::PORT_NEVER_SEEN,
    &gateways::ROUTES_OF_WRONG_KIND,
    &gateways::SERVER_WITHOUT_ROUTES,
    &gateways::SNI_TAKEN,
    &gateways::BY_WILDCARD,
    &verdict::NOT_EXPOSED,
    &verdict::NO_SUCH_INGRESS,
    &verdict::SNI_REFUSED,
    &verdict::PORT_CLOSED,
    &verdict::NO_SERVICE_PORT,
    &verdict::PAST_THE_EGRESS_GATEWAY,
];

#[derive(Default)]
pub(super) struct Findings {
    pub found: Vec<Diagnostic>,
}

impl Findings {
    pub fn add(&mut self, rule: &Rule, meta: &Meta, field: &str, reason: String, mend: impl Into<String>) {
        self.found.push(Diagnostic {
            code: rule.code,
            severity: rule.severity,
            location: meta.locate(field),
            resource: Some(meta.resource_name()),
            field: field.to_owned(),
            reason,
            mend: mend.into(),
        });
    }
}
