//! Whom clients believe to talk to: DestinationRules that check no name, or nothing.

use std::sync::Arc;

use super::cluster::Cluster;
use super::rule::{Findings, Rule};
use carrick_model::diagnostic::Severity;
use carrick_model::host;
use carrick_model::resource::Resource;
use carrick_model::resources::{ClientTlsMode, ClientTlsSettings, DestinationRule, TrafficPolicy};
use carrick_model::snapshot::{Service, ServiceKind};

pub(super) const NO_IDENTITY_PINNED: Rule = Rule {
    code: "CRK101",
    severity: Severity::Warning,
    title: "a DestinationRule pins no identity, so any workload of the mesh can answer",
    why: "\
The client encrypts and asks for a certificate of the right root, but for no name in it. In a federation every workload of every \
cluster has such a certificate. Whoever gets the connection, by a wrong address, a hijacked name or a compromised gateway, can \
answer as the server, and the client will send it everything.

Istio fills in names by itself only for ISTIO_MUTUAL, and only for services whose endpoints have a known service account; it checks \
the name that was called only where `sni` is empty too (`core/cluster_tls.go`). A ServiceEntry whose endpoint is a gateway has neither.",
    help: "\
List the server's SPIFFE ID in `subjectAltNames` beside `mode`, for example `spiffe://cluster2.example/ns/ns2/sa/server`, or in the \
ServiceEntry's `subjectAltNames`.",
};

pub(super) const VERIFICATION_OFF: Rule = Rule {
    code: "CRK102",
    severity: Severity::Warning,
    title: "a DestinationRule switches off the check of the server's certificate",
    why: "\
With `insecureSkipVerify: true` the client takes any certificate, also one that an attacker made a minute ago. The connection is \
encrypted to somebody, nobody knows to whom.",
    help: "Remove `insecureSkipVerify`, and name the roots (`caCertificates`) and the server (`subjectAltNames`).",
};

/// One `tls` block of a DestinationRule, and the field that it stands in.
pub(super) struct Block<'a> {
    pub field: String,
    pub tls: &'a ClientTlsSettings,
}

pub(super) fn check(cluster: &Cluster<'_>, findings: &mut Findings) {
    for resource in cluster.snapshot.destination_rules() {
        for block in blocks(&resource.spec) {
            if block.tls.insecure_skip_verify == Some(true) {
                let reason = "the server's certificate is not checked at all".to_owned();
                let field = format!("{}.insecureSkipVerify", block.field);
                findings.add(&VERIFICATION_OFF, &resource.meta, &field, reason, "remove it");
            } else if let Some(service) = unnamed(cluster, resource, block.tls) {
                no_identity(resource, &block, &service, findings);
            }
        }
    }
}

fn no_identity(
    resource: &Resource<DestinationRule>,
    block: &Block<'_>,
    service: &Service,
    findings: &mut Findings,
) {
    let tls = block.tls;
    let is_public = tls.mode != ClientTlsMode::IstioMutual
        && tls.ca_certificates.is_empty()
        && tls.credential_name.is_empty();
    let (anybody, help) = match is_public {
        true => (
            "any server with a certificate of a public CA",
            "list the server's DNS name in `subjectAltNames`, or leave `sni` out: then the called name is checked",
        ),
        false => (
            "any workload with a certificate of the mesh",
            "list the server's SPIFFE ID in `subjectAltNames`",
        ),
    };
    let reason = format!("no identity is pinned, so {anybody} can answer as {}", service.host);
    findings.add(&NO_IDENTITY_PINNED, &resource.meta, &block.field, reason, help);
}

/// The first service that this block leaves without any name to check.
fn unnamed(
    cluster: &Cluster<'_>,
    resource: &Resource<DestinationRule>,
    tls: &ClientTlsSettings,
) -> Option<Arc<Service>> {
    let checks_called_name = tls.mode != ClientTlsMode::IstioMutual && tls.sni.is_empty();
    if tls.mode == ClientTlsMode::Disable || !tls.subject_alt_names.is_empty() || checks_called_name {
        return None;
    }
    let snapshot = cluster.snapshot;
    let host = snapshot.settings().resolve_host(&resource.spec.host, &resource.meta.namespace);
    let mut meant = snapshot.services().iter().filter(|service| host::is_subset(&service.host, &host));
    meant.find(|service| names_of(cluster, service, tls.mode) == Some(0)).cloned()
}

/// How many names Istio adds by itself; `None` where the files do not tell, because pods are
/// missing.
fn names_of(cluster: &Cluster<'_>, service: &Service, mode: ClientTlsMode) -> Option<usize> {
    match (service.kind, mode) {
        (ServiceKind::Kubernetes, ClientTlsMode::IstioMutual) => {
            let is_known = service.endpoints.iter().any(|of_port| !of_port.is_empty());
            is_known.then(|| cluster.snapshot.identities_of(service).len())
        }
        (ServiceKind::Kubernetes, _) => Some(0),
        (ServiceKind::Entry, _) => Some(cluster.snapshot.identities_of(service).len()),
    }
}

/// Every `tls` block, subsets' and ports' included.
pub(super) fn blocks(spec: &DestinationRule) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    if let Some(policy) = &spec.traffic_policy {
        of_policy("spec.trafficPolicy", policy, &mut found);
    }
    for (number, subset) in spec.subsets.iter().enumerate() {
        if let Some(policy) = &subset.traffic_policy {
            of_policy(&format!("spec.subsets[{number}].trafficPolicy"), policy, &mut found);
        }
    }
    found
}

fn of_policy<'a>(field: &str, policy: &'a TrafficPolicy, found: &mut Vec<Block<'a>>) {
    found.extend(policy.tls.iter().map(|tls| Block { field: format!("{field}.tls"), tls }));
    for (number, settings) in policy.port_level_settings.iter().enumerate() {
        let field = format!("{field}.portLevelSettings[{number}].tls");
        found.extend(settings.tls.iter().map(|tls| Block { field: field.clone(), tls }));
    }
}
