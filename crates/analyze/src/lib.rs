//! What is wrong with a federation as a whole, although each of its resources is sound: calls that
//! cannot arrive, doors that stand open, rules that nobody sees.
//!
//! Pure. It looks at snapshots, and at the federation file for what lies between clusters. What
//! proxies do with a connection it does not know by itself: it has their resources made by
//! `carrick-translate` and asks `carrick-policy`, as the data plane does. It must not know where
//! files come from, nor how findings are shown.
//!
//! Reading order: [`Rule`] (what a rule is), `run` (what a proxy does), `cluster` (one cluster as
//! rules see it), `call`, `path` and `verdict` (who calls, where that goes, what is wrong with it),
//! then the other rules, a file for each topic.

mod authorization;
mod call;
mod cluster;
mod egress;
mod gateways;
mod path;
mod rule;
mod run;
mod subsets;
mod tls;
mod verdict;

use std::collections::BTreeSet;

use carrick_model::diagnostic::Diagnostic;
use carrick_model::federation::Federation;
use carrick_model::snapshot::MeshSnapshot;

use cluster::Cluster;
use rule::Findings;

pub use rule::Rule;

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
    &gateways::TCP_TAKEN,
    &verdict::NOT_EXPOSED,
    &verdict::NO_SUCH_INGRESS,
    &verdict::SNI_REFUSED,
    &verdict::PORT_CLOSED,
    &verdict::NO_SERVICE_PORT,
    &verdict::PAST_THE_EGRESS_GATEWAY,
    &gateways::NOT_EXPORTED_TO_GATEWAY,
    &gateways::HOST_NOT_ADMITTED,
    &gateways::PORT_OF_NO_SERVICE,
    &gateways::NOT_STRICT,
    &gateways::OPEN_TO_ALL,
];

/// A federation with its clusters, as the rules see it.
struct View<'a> {
    federation: &'a Federation,
    clusters: Vec<Cluster<'a>>,
}

/// What the rules find. `snapshots` are those of the federation's clusters, in its order.
pub fn analyze(federation: &Federation, snapshots: &[MeshSnapshot]) -> Vec<Diagnostic> {
    let written = federation.clusters.iter();
    let clusters =
        written.zip(snapshots).map(|(written, snapshot)| Cluster::new(written, snapshot)).collect();
    let view = View { federation, clusters };
    let mut findings = Findings::default();
    for cluster in &view.clusters {
        tls::check(cluster, &mut findings);
        egress::check(cluster, &view, &mut findings);
        gateways::check(cluster, &mut findings);
        subsets::check(cluster, &mut findings);
        authorization::check(cluster, &mut findings);
    }
    verdict::check(&view, &mut findings);
    distinct(findings.found)
}

/// Many clients can meet one mistake; it is reported once.
fn distinct(mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    found.sort_by(|a, b| (&a.location, a.code, &a.reason).cmp(&(&b.location, b.code, &b.reason)));
    let mut reported = BTreeSet::new();
    found.retain(|one| reported.insert((one.code, one.location.clone(), one.field.clone())));
    found
}

#[cfg(test)]
mod tests;
