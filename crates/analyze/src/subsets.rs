//! Subsets that exist, but not for the client that is routed to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cluster::Cluster;
use super::rule::{Findings, Rule};
use carrick_model::diagnostic::Severity;
use carrick_model::host;
use carrick_model::resource::{Meta, Resource};
use carrick_model::resources::{Destination, MESH_GATEWAY, VirtualService};
use carrick_model::snapshot::{EffectiveDestinationRule, Service};

pub(super) const SUBSET_OUT_OF_SIGHT: Rule = Rule {
    code: "CRK114",
    severity: Severity::Error,
    title: "a route leads to a subset that this client's DestinationRule does not have",
    why: "\
A client takes its DestinationRule from its own namespace; if there is none, from the service's namespace; if there is none there, from the root namespace. The first \
of these that has any rule for the host wins whole, and levels never merge (Istio `model/push_context.go`). A subset that is defined in a third namespace, or in a rule \
that another one hides, is not there for this client: the route's upstream does not exist, and requests get 503 with the flag NC. A gateway is a client in \
the namespace of its pod, most often istio-system.",
    help: "Define the subset in the client's namespace or in the service's, in the rule that the client finds first.",
};

/// Who follows a VirtualService, and as what.
struct Follower<'a> {
    namespace: &'a str,
    labels: &'a BTreeMap<String, String>,
    gateway: String,
    resource: Arc<Resource<VirtualService>>,
}

pub(super) fn check(cluster: &Cluster<'_>, findings: &mut Findings) {
    for follower in followers(cluster) {
        for (field, destination) in destinations(&follower.resource.spec, &follower.gateway) {
            missing(cluster, &follower, &field, destination, findings);
        }
    }
}

fn followers<'a>(cluster: &'a Cluster<'_>) -> Vec<Follower<'a>> {
    let snapshot = cluster.snapshot;
    let mut found = Vec::new();
    for client in &cluster.clients {
        for resource in snapshot.virtual_services_for_mesh(&client.namespace) {
            let (namespace, labels) = (client.namespace.as_str(), &client.labels);
            found.push(Follower { namespace, labels, gateway: MESH_GATEWAY.to_owned(), resource });
        }
    }
    for proxy in &cluster.gateways {
        for server in proxy.servers() {
            let (namespace, labels) = (proxy.workload.namespace.as_str(), &proxy.workload.labels);
            for resource in snapshot.virtual_services_for_gateway(namespace, &server.gateway_name) {
                found.push(Follower { namespace, labels, gateway: server.gateway_name.clone(), resource });
            }
        }
    }
    found
}

/// The destinations of routes that are meant for a gateway (or the mesh), each with its field.
fn destinations<'a>(spec: &'a VirtualService, gateway: &str) -> Vec<(String, &'a Destination)> {
    let meant = |gateways: &[String]| gateways.is_empty() || gateways.iter().any(|name| name == gateway);
    let mut found = Vec::new();
    for (number, route) in spec.http.iter().enumerate() {
        if route.matches.is_empty() || route.matches.iter().any(|wanted| meant(&wanted.gateways)) {
            let all = route.route.iter().map(|to| to.destination.as_ref());
            add(&format!("spec.http[{number}]"), all, &mut found);
        }
    }
    for (number, route) in spec.tls.iter().enumerate() {
        if route.matches.iter().any(|wanted| meant(&wanted.gateways)) {
            let all = route.route.iter().map(|to| to.destination.as_ref());
            add(&format!("spec.tls[{number}]"), all, &mut found);
        }
    }
    for (number, route) in spec.tcp.iter().enumerate() {
        if route.matches.is_empty() || route.matches.iter().any(|wanted| meant(&wanted.gateways)) {
            let all = route.route.iter().map(|to| to.destination.as_ref());
            add(&format!("spec.tcp[{number}]"), all, &mut found);
        }
    }
    found
}

fn add<'a>(
    route: &str,
    destinations: impl Iterator<Item = Option<&'a Destination>>,
    found: &mut Vec<(String, &'a Destination)>,
) {
    let given = destinations.enumerate().filter_map(|(number, to)| Some((number, to?)));
    found.extend(given.map(|(number, to)| (format!("{route}.route[{number}].destination.subset"), to)));
}

fn missing(
    cluster: &Cluster<'_>,
    follower: &Follower<'_>,
    field: &str,
    destination: &Destination,
    findings: &mut Findings,
) {
    let subset = destination.subset.as_str();
    let Some(service) = cluster.service(follower.namespace, &destination.host) else { return };
    if subset.is_empty() {
        return;
    }
    let found = cluster.snapshot.destination_rule_for(follower.namespace, follower.labels, service);
    if found.as_ref().is_some_and(|rule| rule.subset(subset).is_some()) {
        return;
    }
    // A subset that nobody defines is reported by validation (CRK403).
    let Some(elsewhere) = defined_elsewhere(cluster, service, subset) else { return };
    let instead = match found.as_ref().and_then(|rule| rule.meta()) {
        Some(meta) => format!("finds {} first, which does not have it", meta.resource_name()),
        None => "finds no DestinationRule at all".to_owned(),
    };
    let who = match follower.gateway.as_str() {
        MESH_GATEWAY => format!("a client in `{}`", follower.namespace),
        gateway => format!("the gateway of {gateway}, in `{}`,", follower.namespace),
    };
    let reason = format!(
        "the subset `{subset}` is defined by {} ({}), but {who} {instead}",
        elsewhere.resource_name(),
        elsewhere.source
    );
    let help =
        format!("define `{subset}` in the namespace `{}` or in `{}`", follower.namespace, service.namespace);
    findings.add(&SUBSET_OUT_OF_SIGHT, &follower.resource.meta, field, reason, help);
}

fn defined_elsewhere<'a>(cluster: &'a Cluster<'_>, service: &Service, subset: &str) -> Option<&'a Meta> {
    let defines = |rule: &Arc<EffectiveDestinationRule>| {
        host::is_subset(&service.host, &rule.host) && rule.subset(subset).is_some()
    };
    let rule = cluster.snapshot.all_destination_rules().find(|rule| defines(rule))?;
    rule.rules.iter().find(|one| one.spec.subsets.iter().any(|s| s.name == subset)).map(|one| &one.meta)
}
