//! What VirtualServices ask of the Gateways that they name, and do not get.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cluster::Cluster;
use crate::rule::{Findings, Rule};
use carrick_model::diagnostic::Severity;
use carrick_model::host;
use carrick_model::resource::Resource;
use carrick_model::resources::{Gateway, MESH_GATEWAY, Server, VirtualService, labels_match};
use carrick_model::snapshot::{ServerKind, admits_namespace, bound_hosts, server_hosts};

pub(crate) const PORT_NEVER_SEEN: Rule = Rule {
    code: "CRK124",
    severity: Severity::Error,
    title: "a route waits for a port that its gateway does not have",
    why: "\
At a gateway `match.port` is compared with the port that a server declares (`servers[].port.number`), never with the Service's target port and \
never with the port of the destination (Istio `model/gateway.go`). No server of the named Gateway declares this port, so the route is never \
taken; if no other route is left, the port is closed.",
    help: "Use a port that the Gateway declares, or leave `port` out.",
};

pub(crate) const ROUTES_OF_WRONG_KIND: Rule = Rule {
    code: "CRK125",
    severity: Severity::Error,
    title: "a VirtualService has no routes of the kind that its gateway asks for",
    why: "\
A server of protocol HTTP, or HTTPS with TLS ended at the gateway, is routed by `http`. A server with `tls.mode: PASSTHROUGH` is routed by `tls`, since \
nobody there can read HTTP. A TCP server, or one of protocol TLS whose TLS ends at the gateway, is routed by `tcp`. Other routes are not looked at.",
    help: "Write the routes in the field that the server needs, or change the server's protocol or TLS mode.",
};

pub(crate) const NOT_EXPORTED_TO_GATEWAY: Rule = Rule {
    code: "CRK137",
    severity: Severity::Error,
    title: "a VirtualService is not exported to the namespace in which its gateway's pods are",
    why: "\
A gateway proxy follows the VirtualServices that it sees from the namespace of its own pods, most often istio-system, wherever the Gateway is written. With \
`exportTo: [.]`, or with a mesh whose default is that, a VirtualService in another namespace names the Gateway and is not followed by anybody (Istio reference, \
`VirtualService.exportTo`).",
    help: "Add the namespace of the gateway's pods to `exportTo`.",
};

pub(crate) const HOST_NOT_ADMITTED: Rule = Rule {
    code: "CRK138",
    severity: Severity::Warning,
    title: "no server of its gateways admits one of a VirtualService's hosts",
    why: "\
For HTTP a server takes of a VirtualService only the hosts that its own `hosts` overlap with, and a host that is written `NAMESPACE/HOST` (`./HOST` for the Gateway's own) only from \
VirtualServices of that namespace (Istio reference, `Server.hosts`). The other hosts are served by nobody, while the routes look as if they were.",
    help: "List the host in the Gateway for the VirtualService's namespace, or remove it here.",
};

pub(super) fn check(cluster: &Cluster<'_>, findings: &mut Findings) {
    let full_name =
        |gateway: &Arc<Resource<Gateway>>| format!("{}/{}", gateway.meta.namespace, gateway.meta.name);
    let all: BTreeMap<String, &Arc<Resource<Gateway>>> =
        cluster.snapshot.gateways().iter().map(|gateway| (full_name(gateway), gateway)).collect();
    for resource in cluster.snapshot.complete_virtual_services() {
        let named: Vec<(usize, &Arc<Resource<Gateway>>)> = resource
            .spec
            .gateways
            .iter()
            .enumerate()
            .filter_map(|(n, name)| Some((n, *all.get(name)?)))
            .collect();
        for (position, gateway) in &named {
            kinds(&resource, *position, gateway, findings);
            exports(cluster, &resource, *position, gateway, findings);
        }
        let named: Vec<&Arc<Resource<Gateway>>> = named.into_iter().map(|(_, gateway)| gateway).collect();
        hosts(&resource, &named, findings);
        ports(&resource, &named, findings);
    }
}

/// Whether the gateway's pods see the VirtualService at all.
fn exports(
    cluster: &Cluster<'_>,
    resource: &Resource<VirtualService>,
    position: usize,
    gateway: &Resource<Gateway>,
    findings: &mut Findings,
) {
    let selected =
        cluster.gateways.iter().filter(|proxy| labels_match(&gateway.spec.selector, &proxy.workload.labels));
    let namespaces: BTreeSet<&str> = selected.map(|proxy| proxy.workload.namespace.as_str()).collect();
    let name = &resource.spec.gateways[position];
    for namespace in namespaces {
        let followed = cluster.snapshot.virtual_services_for_gateway(namespace, name);
        if followed.iter().any(|one| one.meta.resource_name() == resource.meta.resource_name()) {
            continue;
        }
        let field = match resource.spec.export_to.is_empty() {
            true => format!("spec.gateways[{position}]"),
            false => "spec.exportTo".to_owned(),
        };
        let reason = format!(
            "the pods of the Gateway {name} are in `{namespace}`, to which this VirtualService is not exported, so they do not follow it"
        );
        let help = format!("add `{namespace}` to `exportTo`");
        findings.add(&NOT_EXPORTED_TO_GATEWAY, &resource.meta, &field, reason, help);
    }
}

/// Hosts that nobody serves. Where no host at all is admitted, validation says so for each gateway
/// (CRK305).
fn hosts(resource: &Resource<VirtualService>, named: &[&Arc<Resource<Gateway>>], findings: &mut Findings) {
    let VirtualService { http, tls, tcp, gateways, .. } = &resource.spec;
    // For TLS and TCP one host that a server admits is enough: `sniHosts` and ports decide.
    let is_http_alone = !http.is_empty() && tls.is_empty() && tcp.is_empty();
    if !is_http_alone || gateways.iter().any(|name| name == MESH_GATEWAY) {
        return;
    }
    let servers = || named.iter().flat_map(|gateway| &gateway.spec.servers);
    let namespace = &resource.meta.namespace;
    let is_served = |wanted: &String| {
        servers().any(|server| !bound_hosts(server, namespace, std::slice::from_ref(wanted)).is_empty())
    };
    if !resource.spec.hosts.iter().any(is_served) {
        return;
    }
    for (number, wanted) in resource.spec.hosts.iter().enumerate().filter(|(_, wanted)| !is_served(wanted)) {
        let of_others = servers().find_map(|server| admitting_others(server, namespace, wanted));
        let (reason, help) = match of_others {
            Some(written) => (
                format!("`{wanted}` is admitted as `{written}`, so not from the namespace `{namespace}`"),
                format!("list `{namespace}/{wanted}` in the Gateway, or remove the host here"),
            ),
            None => (
                format!("no server of the gateway admits `{wanted}`, so nobody serves it"),
                format!("list `{wanted}` in the Gateway, or remove it here"),
            ),
        };
        findings.add(&HOST_NOT_ADMITTED, &resource.meta, &format!("spec.hosts[{number}]"), reason, help);
    }
}

/// The host, as written, by which a server admits `wanted` from other namespaces than this one.
fn admitting_others<'a>(server: &'a Server, namespace: &str, wanted: &str) -> Option<&'a String> {
    let mut written = server.hosts.iter().zip(server_hosts(server));
    let found =
        written.find(|(written, name)| !admits_namespace(written, namespace) && host::overlaps(wanted, name));
    found.map(|(written, _)| written)
}

/// Whether the servers that share a host with the VirtualService look at any of its routes.
fn kinds(
    resource: &Resource<VirtualService>,
    position: usize,
    gateway: &Resource<Gateway>,
    findings: &mut Findings,
) {
    let VirtualService { http, tls, tcp, hosts, .. } = &resource.spec;
    let mut admitting = gateway
        .spec
        .servers
        .iter()
        .filter(|server| !bound_hosts(server, &resource.meta.namespace, hosts).is_empty())
        .map(|server| (server, ServerKind::from_server(server).routes_field()))
        .peekable();
    let Some((first, Some(field))) = admitting.peek().copied() else { return };
    let has = |field: Option<&str>| match field {
        Some("http") => !http.is_empty(),
        Some("tls") => !tls.is_empty(),
        Some("tcp") => !tcp.is_empty(),
        // AUTO_PASSTHROUGH asks no VirtualService.
        _ => true,
    };
    if admitting.any(|(_, field)| has(field)) {
        return;
    }
    let name = &resource.spec.gateways[position];
    let port = first.port.as_ref().map_or(0, |port| port.number);
    let reason = format!(
        "the Gateway {name} routes port {port} by `{field}`, and the VirtualService has no `{field}` routes"
    );
    let help = format!("write the routes under `{field}`, or change the server's protocol or TLS mode");
    findings.add(&ROUTES_OF_WRONG_KIND, &resource.meta, &format!("spec.gateways[{position}]"), reason, help);
}

fn ports(resource: &Resource<VirtualService>, named: &[&Arc<Resource<Gateway>>], findings: &mut Findings) {
    let in_mesh = resource.spec.gateways.iter().any(|name| name == MESH_GATEWAY);
    let mut check = |field: String, port: Option<u16>, gateways: &[String]| {
        let Some(port) = port else { return };
        let within = |gateway: &Resource<Gateway>| {
            let name = format!("{}/{}", gateway.meta.namespace, gateway.meta.name);
            gateways.is_empty() || gateways.contains(&name)
        };
        let for_mesh = in_mesh && (gateways.is_empty() || gateways.iter().any(|name| name == MESH_GATEWAY));
        let meant: Vec<_> = named.iter().filter(|gateway| within(gateway)).collect();
        let declared: Vec<u16> = meant
            .iter()
            .flat_map(|gateway| &gateway.spec.servers)
            .filter_map(|server| server.port.as_ref().map(|port| port.number))
            .collect();
        if for_mesh || meant.is_empty() || declared.contains(&port) {
            return;
        }
        let known: Vec<String> = declared.iter().map(ToString::to_string).collect();
        let reason = format!("no server of the gateway declares port {port}, so this route is never taken");
        let help = format!("use {}, or leave `port` out", known.join(" or "));
        findings.add(&PORT_NEVER_SEEN, &resource.meta, &field, reason, help);
    };
    for (number, route) in resource.spec.http.iter().enumerate() {
        for (position, wanted) in route.matches.iter().enumerate() {
            check(format!("spec.http[{number}].match[{position}].port"), wanted.port, &wanted.gateways);
        }
    }
    for (number, route) in resource.spec.tls.iter().enumerate() {
        for (position, wanted) in route.matches.iter().enumerate() {
            check(format!("spec.tls[{number}].match[{position}].port"), wanted.port, &wanted.gateways);
        }
    }
    for (number, route) in resource.spec.tcp.iter().enumerate() {
        for (position, wanted) in route.matches.iter().enumerate() {
            check(format!("spec.tcp[{number}].match[{position}].port"), wanted.port, &wanted.gateways);
        }
    }
}
