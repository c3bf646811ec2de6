//! AuthorizationPolicies that say something else than their author reads: principals that nobody
//! can have, and namespaces that exist once in every cluster.

use std::sync::Arc;

use super::cluster::Cluster;
use super::rule::{Findings, Rule};
use carrick_model::diagnostic::Severity;
use carrick_model::resource::Resource;
use carrick_model::resources::{AuthorizationAction, AuthorizationPolicy, AuthorizationSource, labels_match};
use carrick_model::snapshot::Workload;

pub(super) const PRINCIPAL_OF_NOBODY: Rule = Rule {
    code: "CRK110",
    severity: Severity::Warning,
    title: "an AuthorizationPolicy names a principal that no workload of the federation can have",
    why: "\
A principal is a SPIFFE ID without its scheme, `TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT` (Istio, \"AuthorizationPolicy\", `source.principals`), and callers from other clusters have their own cluster's trust domain. A principal \
with `spiffe://` in front, or with a trust domain of no cluster, never matches. In an ALLOW policy its caller is locked out; in a DENY policy nobody is.",
    help: "Write the trust domain of the caller's cluster, without `spiffe://`.",
};

pub(super) const NAMESPACE_OF_EVERY_CLUSTER: Rule = Rule {
    code: "CRK115",
    severity: Severity::Warning,
    title: "an AuthorizationPolicy admits a namespace of every cluster of the federation",
    why: "\
`namespaces` and `serviceAccounts` are compared with the part of the identity behind the trust domain, whatever the trust domain is (Istio `authz/model`: `.*/ns/NAMESPACE/.*`). In one cluster that is the namespace that its author \
means. A workload that is exposed to other clusters is called from theirs too: whoever may create a namespace of that name in any cluster of the federation is let in.",
    help: "Use `principals`, which name the trust domain: `cluster1.example/ns/NAMESPACE/*`.",
};

pub(super) fn check(cluster: &Cluster<'_>, findings: &mut Findings) {
    let exposed = exposed(cluster);
    for policy in cluster.snapshot.authorization_policies() {
        let open = policy.spec.action == AuthorizationAction::Allow
            && !cluster.snapshot.settings().peer_trust_domains.is_empty()
            && exposed.iter().any(|workload| selects(cluster, policy, workload));
        for (number, rule) in policy.spec.rules.iter().enumerate() {
            for (position, from) in rule.from.iter().enumerate() {
                let field = format!("spec.rules[{number}].from[{position}].source");
                principals(cluster, policy, &field, &from.source, findings);
                if open && from.source.principals.is_empty() {
                    namespaces(policy, &field, &from.source, findings);
                }
            }
        }
    }
}

fn principals(
    cluster: &Cluster<'_>,
    policy: &Resource<AuthorizationPolicy>,
    field: &str,
    source: &AuthorizationSource,
    findings: &mut Findings,
) {
    let settings = cluster.snapshot.settings();
    let known: Vec<&str> = std::iter::once(&settings.trust_domain)
        .chain(&settings.trust_domain_aliases)
        .chain(&settings.peer_trust_domains)
        .map(|domain| domain.as_str())
        .collect();
    for (name, values) in [("principals", &source.principals), ("notPrincipals", &source.not_principals)] {
        for (number, value) in values.iter().enumerate() {
            let Some(reason) = fault(value, &known) else { continue };
            let help = format!("begin it with the trust domain of a cluster: {}", known.join(", "));
            findings.add(
                &PRINCIPAL_OF_NOBODY,
                &policy.meta,
                &format!("{field}.{name}[{number}]"),
                reason,
                help,
            );
        }
    }
}

/// Why nobody can have a principal. `cluster.local` stands for the mesh's own trust domain (Istio
/// `trustdomain/bundle.go`).
fn fault(principal: &str, known: &[&str]) -> Option<String> {
    if principal.starts_with("spiffe://") {
        return Some("a principal has no `spiffe://` in front, so this one never matches".to_owned());
    }
    let (domain, _) = principal.split_once('/')?;
    let is_open = domain.contains('*') || domain == "cluster.local" || known.contains(&domain);
    (!is_open).then(|| format!("no cluster of the federation has the trust domain `{domain}`"))
}

fn namespaces(
    policy: &Resource<AuthorizationPolicy>,
    field: &str,
    source: &AuthorizationSource,
    findings: &mut Findings,
) {
    let named = [("namespaces", &source.namespaces), ("serviceAccounts", &source.service_accounts)];
    for (name, values) in named.into_iter().filter(|(_, values)| !values.is_empty()) {
        let reason = format!(
            "the workload is exposed to other clusters, and `{}` is admitted from every one of them",
            values.join("`, `")
        );
        let help = "use `principals`, which name the trust domain: `cluster1.example/ns/NAMESPACE/*`";
        findings.add(&NAMESPACE_OF_EVERY_CLUSTER, &policy.meta, &format!("{field}.{name}"), reason, help);
    }
}

fn selects(cluster: &Cluster<'_>, policy: &Resource<AuthorizationPolicy>, workload: &Workload) -> bool {
    let root = &cluster.snapshot.settings().root_namespace;
    let selector = policy.spec.selector.as_ref();
    (policy.meta.namespace == workload.namespace || policy.meta.namespace == *root)
        && selector.is_none_or(|selector| labels_match(&selector.match_labels, &workload.labels))
}

/// The workloads to which passthrough routes of gateways lead.
fn exposed<'a>(cluster: &'a Cluster<'_>) -> Vec<&'a Arc<Workload>> {
    let mut found = Vec::new();
    for proxy in &cluster.gateways {
        let claims = proxy.listeners.iter().flat_map(|listener| &listener.claims);
        let valid = claims.filter(|claim| claim.taken.is_none());
        for (_, destinations) in valid.filter_map(|claim| claim.target.route()) {
            let hosts = destinations.iter().filter_map(|to| to.destination.as_ref()).map(|to| &to.host);
            let services = hosts.filter_map(|host| cluster.service(&proxy.workload.namespace, host));
            let endpoints = services.flat_map(|service| service.endpoints.iter().flatten());
            found.extend(endpoints.filter_map(|endpoint| cluster.workload_of(endpoint)));
        }
    }
    found
}

#[cfg(test)]
mod tests;
