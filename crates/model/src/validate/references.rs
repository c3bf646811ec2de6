//! References between resources: gateways, hosts, subsets, ports, workloads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::checker::Checker;
use crate::diagnostic::{Diagnostic, codes};
use crate::host;
use crate::mesh::MeshSettings;
use crate::resource::{Meta, Resource};
use crate::resources::*;
use crate::snapshot::{
    DestinationRuleIndex, GatewayIndex, Inventory, Service, ServiceIndex, WorkloadIndex, bound_hosts,
    find_delegate, gateway_name, is_delegate, merged_with_delegate,
};

/// What a reference may lead to.
pub(crate) struct Surroundings<'a> {
    pub settings: &'a MeshSettings,
    pub inventory: &'a Inventory,
    pub workloads: &'a WorkloadIndex,
    pub services: &'a ServiceIndex,
    pub destination_rules: &'a DestinationRuleIndex,
    pub gateways: &'a GatewayIndex,
}

/// Checks the references of all resources. The only errors are of VirtualServices that bind to nothing at all.
pub(crate) fn references(around: &Surroundings<'_>, found: &mut Vec<Diagnostic>) {
    for resource in &around.inventory.virtual_services {
        let mut check = Checker::new(&resource.meta, found);
        bindings(resource, around, &mut check);
        delegates(resource, around, &mut check);
        destinations(resource, around, &mut check);
    }
    for resource in &around.inventory.destination_rules {
        let mut check = Checker::new(&resource.meta, found);
        let wanted = around.settings.resolve_host(&resource.spec.host, &resource.meta.namespace);
        let known = around.services.all().iter().any(|service| host::overlaps(&service.host, &wanted));
        if !known {
            unknown_host(&resource.meta, "spec.host", &wanted, around, &mut check);
        }
    }
    for resource in &around.inventory.gateways {
        let mut check = Checker::new(&resource.meta, found);
        let reason = "the selector matches no workload, so no proxy serves this Gateway";
        if !around.selects_any(None, &resource.spec.selector) {
            check.warning(
                codes::NO_WORKLOAD,
                "spec.selector",
                reason,
                "give it the labels of a gateway's pods",
            );
        }
    }
    for resource in &around.inventory.gateways {
        credentials(resource, around, &mut Checker::new(&resource.meta, found));
    }
    for resource in &around.inventory.peer_authentications {
        let mut check = Checker::new(&resource.meta, found);
        let labels = resource.spec.selector.as_ref().map(|selector| &selector.match_labels);
        unmatched("spec.selector", labels, Some(&resource.meta.namespace), around, &mut check);
    }
    for resource in &around.inventory.authorization_policies {
        let mut check = Checker::new(&resource.meta, found);
        let labels = resource.spec.selector.as_ref().map(|selector| &selector.match_labels);
        let of_mesh = resource.meta.namespace == around.settings.root_namespace;
        unmatched(
            "spec.selector",
            labels,
            (!of_mesh).then_some(&resource.meta.namespace),
            around,
            &mut check,
        );
    }
    for resource in &around.inventory.service_entries {
        let mut check = Checker::new(&resource.meta, found);
        let labels = resource.spec.workload_selector.as_ref().map(|selector| &selector.labels);
        unmatched("spec.workloadSelector", labels, Some(&resource.meta.namespace), around, &mut check);
        for (number, endpoint) in resource.spec.endpoints.iter().enumerate() {
            let name = host::canonical(&endpoint.address);
            let local = name.ends_with(&format!(".{}", around.settings.cluster_domain));
            if local && around.services.of_host(&name).next().is_none() {
                let field = format!("spec.endpoints[{number}].address");
                unknown_host(&resource.meta, &field, &name, around, &mut check);
            }
        }
    }
}

impl Surroundings<'_> {
    /// Whether any workload, or any Deployment that will become some, has these labels.
    fn selects_any(&self, namespace: Option<&str>, labels: &BTreeMap<String, String>) -> bool {
        let within = |own: &str| namespace.is_none_or(|wanted| wanted == own);
        let mut workloads = self.workloads.all().iter();
        let mut deployments = self.inventory.deployments.iter();
        workloads.any(|workload| within(&workload.namespace) && labels_match(labels, &workload.labels))
            || deployments.any(|deployment| {
                within(&deployment.meta.namespace)
                    && labels_match(labels, &deployment.spec.template.metadata.labels)
            })
    }
}

fn unmatched(
    field: &str,
    labels: Option<&BTreeMap<String, String>>,
    namespace: Option<&String>,
    around: &Surroundings<'_>,
    check: &mut Checker<'_>,
) {
    let Some(labels) = labels.filter(|labels| !labels.is_empty()) else { return };
    if !around.selects_any(namespace.map(String::as_str), labels) {
        let reason = match namespace {
            Some(namespace) => format!("no workload in the namespace `{namespace}` has these labels"),
            None => "no workload in any namespace has these labels".to_owned(),
        };
        check.warning(codes::NO_WORKLOAD, field, reason, "correct the labels or the namespace");
    }
}

/// Secrets that servers name and that a gateway's namespace does not have.
fn credentials(resource: &Resource<Gateway>, around: &Surroundings<'_>, check: &mut Checker<'_>) {
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

fn bindings(resource: &Resource<VirtualService>, around: &Surroundings<'_>, check: &mut Checker<'_>) {
    let namespace = &resource.meta.namespace;
    let named: Vec<String> =
        resource.spec.gateways.iter().map(|written| gateway_name(written, namespace)).collect();
    let exists = |name: &String| name == MESH_GATEWAY || around.gateways.get(name).is_some();
    let binds = named.is_empty() || named.iter().any(exists);
    for (number, name) in named.iter().enumerate() {
        let field = format!("spec.gateways[{number}]");
        if name == MESH_GATEWAY {
            continue;
        }
        let Some(gateway) = around.gateways.get(name) else {
            let elsewhere =
                around.gateways.all().iter().find(|other| name.ends_with(&format!("/{}", other.meta.name)));
            let mend = match elsewhere {
                Some(other) => format!("did you mean `{}/{}`?", other.meta.namespace, other.meta.name),
                None => "define the Gateway, or correct the name".to_owned(),
            };
            match binds {
                false => {
                    let reason =
                        format!("there is no Gateway {name}, so the VirtualService binds to nothing");
                    check.error(codes::DANGLING, &field, reason, &mend);
                }
                true => check.warning(codes::DANGLING, &field, format!("there is no Gateway {name}"), &mend),
            }
            continue;
        };
        let hosts: Vec<String> =
            resource.spec.hosts.iter().map(|host| around.settings.resolve_host(host, namespace)).collect();
        let admitted =
            gateway.spec.servers.iter().any(|server| !bound_hosts(server, namespace, &hosts).is_empty());
        if !admitted {
            let reason = format!("no server of the Gateway {name} admits any of this VirtualService's hosts");
            check.warning(codes::NO_EFFECT, &field, reason, "add the host to the Gateway's `hosts`");
        }
    }
}

/// Delegates that do not exist, whose conditions contradict, and those that nobody asks.
fn delegates(resource: &Resource<VirtualService>, around: &Surroundings<'_>, check: &mut Checker<'_>) {
    let namespace = &resource.meta.namespace;
    let all = || around.inventory.virtual_services.iter().map(Arc::as_ref);
    for (number, route) in resource.spec.http.iter().enumerate() {
        let Some(delegate) = &route.delegate else { continue };
        let field = format!("spec.http[{number}].delegate");
        let Some(found) = find_delegate(delegate, namespace, all(), around.settings) else {
            let of = if delegate.namespace.is_empty() { namespace } else { &delegate.namespace };
            let reason = format!(
                "there is no VirtualService {of}/{} without hosts that `{namespace}` sees",
                delegate.name
            );
            check.warning(codes::DANGLING, &field, reason, "define it, or correct the name");
            continue;
        };
        if found.spec.http.iter().any(|leaf| merged_with_delegate(route, leaf).is_none()) {
            let reason = format!(
                "a route of {namespace}/{} asks for what this route's `match` excludes; it is left out",
                delegate.name
            );
            check.warning(codes::NO_EFFECT, &field, reason, "let its conditions lie inside of these");
        }
    }
    let leads_here = |other: &Resource<VirtualService>| {
        other.spec.http.iter().filter_map(|route| route.delegate.as_ref()).any(|delegate| {
            find_delegate(delegate, &other.meta.namespace, [resource], around.settings).is_some()
        })
    };
    if is_delegate(&resource.spec) && !all().any(leads_here) {
        let reason = "it has no hosts, and no VirtualService delegates to it";
        check.warning(codes::NO_EFFECT, "spec.hosts", reason, "add `hosts`, or name it as a delegate");
    }
}

fn destinations(resource: &Resource<VirtualService>, around: &Surroundings<'_>, check: &mut Checker<'_>) {
    let spec = &resource.spec;
    for (number, route) in spec.http.iter().enumerate() {
        let field = format!("spec.http[{number}]");
        for (position, to) in route.route.iter().enumerate() {
            let field = format!("{field}.route[{position}].destination");
            destination(&resource.meta, &field, to.destination.as_ref(), around, check);
        }
        destination(&resource.meta, &format!("{field}.mirror"), route.mirror.as_ref(), around, check);
        for (position, to) in route.mirrors.iter().enumerate() {
            let field = format!("{field}.mirrors[{position}].destination");
            destination(&resource.meta, &field, to.destination.as_ref(), around, check);
        }
    }
    let tls =
        spec.tls.iter().enumerate().map(|(number, route)| (format!("spec.tls[{number}]"), &route.route));
    let tcp =
        spec.tcp.iter().enumerate().map(|(number, route)| (format!("spec.tcp[{number}]"), &route.route));
    for (field, route) in tls.chain(tcp) {
        for (position, to) in route.iter().enumerate() {
            let field = format!("{field}.route[{position}].destination");
            destination(&resource.meta, &field, to.destination.as_ref(), around, check);
        }
    }
}

fn destination(
    meta: &Meta,
    field: &str,
    destination: Option<&Destination>,
    around: &Surroundings<'_>,
    check: &mut Checker<'_>,
) {
    let Some(Destination { host, subset, port }) = destination else { return };
    let full = around.settings.resolve_host(host, &meta.namespace);
    let wildcard = || around.services.all().iter().find(|service| host::is_subset(&full, &service.host));
    let Some(service) = around.services.visible(&meta.namespace, &full).or_else(wildcard) else {
        unknown_host(meta, &format!("{field}.host"), &full, around, check);
        return;
    };
    if let Some(port) = port.filter(|port| service.port(port.number).is_none()) {
        let reason =
            format!("{} has no port {}; requests will be answered with 503", service.host, port.number);
        let known: Vec<String> = service.ports.iter().map(|port| port.number.to_string()).collect();
        let mend = format!("use one of {}", known.join(", "));
        check.warning(codes::UNKNOWN_PORT, &format!("{field}.port.number"), reason, &mend);
    }
    if !subset.is_empty() && !has_subset(service, subset, around) {
        let reason = format!(
            "no DestinationRule for {} defines the subset `{subset}`; requests will be answered with 503",
            service.host
        );
        let mend = "define it in `subsets` of a DestinationRule, or correct the name";
        check.warning(codes::NO_SUBSET, &format!("{field}.subset"), reason, mend);
    }
}

fn has_subset(service: &Service, subset: &str, around: &Surroundings<'_>) -> bool {
    let mut rules = around.destination_rules.all();
    rules.any(|rule| host::is_subset(&service.host, &rule.host) && rule.subset(subset).is_some())
}

fn unknown_host(meta: &Meta, field: &str, full: &str, around: &Surroundings<'_>, check: &mut Checker<'_>) {
    let hidden = around.services.of_host(full).next();
    let (reason, mend) = match hidden {
        Some(service) => (
            format!("`{full}` is not exported to the namespace `{}`", meta.namespace),
            format!("add the namespace to `exportTo` of {}", service.meta.resource_name()),
        ),
        None => (
            format!("no Service and no ServiceEntry declares `{full}`"),
            "declare the host, or correct it".to_owned(),
        ),
    };
    check.warning(codes::UNKNOWN_HOST, field, reason, &mend);
}
