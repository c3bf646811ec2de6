//! Routes of VirtualServices that no server of their gateway ever takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::analyze::cluster::{Cluster, GatewayProxy};
use crate::analyze::listener::{Kind, Listener, sni_routes};
use crate::analyze::rule::{Findings, Rule};
use crate::diagnostic::Severity;
use crate::resource::Resource;
use crate::resources::{Gateway, MESH_GATEWAY, VirtualService};
use crate::snapshot::{bound_hosts, server_hosts};

pub(in crate::analyze) const PORT_NEVER_SEEN: Rule = Rule {
    code: "CRK124",
    severity: Severity::Error,
    title: "a route waits for a port that its gateway does not have",
    why: "\
At a gateway `match.port` is compared with the port that a server declares (`servers[].port.number`), never with the Service's target port and \
never with the port of the destination (Istio `model/gateway.go`). No server of the named Gateway declares this port, so the route is never \
taken; if no other route is left, the port is closed.",
    mend: "Use a port that the Gateway declares, or leave `port` out.",
};

pub(in crate::analyze) const ROUTES_OF_WRONG_KIND: Rule = Rule {
    code: "CRK125",
    severity: Severity::Error,
    title: "a VirtualService has no routes of the kind that its gateway asks for",
    why: "\
A server of protocol HTTP, or HTTPS with TLS ended at the gateway, is routed by `http`. A server with `tls.mode: PASSTHROUGH` is routed by `tls`, since \
nobody there can read HTTP. A TCP server, or one of protocol TLS whose TLS ends at the gateway, is routed by `tcp`. Other routes are not looked at.",
    mend: "Write the routes in the field that the server needs, or change the server's protocol or TLS mode.",
};

pub(in crate::analyze) const SERVER_WITHOUT_ROUTES: Rule = Rule {
    code: "CRK126",
    severity: Severity::Warning,
    title: "a passthrough server has no routes, so its port stays closed",
    why: "\
What a PASSTHROUGH server does with a connection comes only from the `tls` routes of VirtualServices that are bound to it and share a host with it. \
Without any there is no filter chain; if it is the only server of the port, nothing listens at all.",
    mend: "Bind a VirtualService with `tls` routes for the server's hosts to the Gateway, or remove the server.",
};

pub(in crate::analyze) const SNI_TAKEN: Rule = Rule {
    code: "CRK127",
    severity: Severity::Error,
    title: "an older TLS route of the same port has taken this SNI, and the whole match is skipped",
    why: "\
On one port an SNI can lead to one place. If any of a match's `sniHosts` is taken by an older route of that port, the whole match is skipped, with its \
other names (Istio `core/gateway.go`). Older is by `creationTimestamp`, then name, then namespace of the VirtualService.",
    mend: "Name each SNI once for each port; split a match that mixes taken and new names.",
};

pub(super) fn check_listener(
    cluster: &Cluster<'_>,
    proxy: &GatewayProxy,
    listener: &Listener,
    findings: &mut Findings,
) {
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    for bound in listener.servers.iter().filter(|bound| bound.kind == Kind::Passthrough) {
        let routes = sni_routes(cluster.snapshot, &proxy.workload, bound);
        if routes.is_empty() {
            let hosts: Vec<&str> = server_hosts(bound.server()).collect();
            let reason = format!(
                "no VirtualService has `tls` routes for {} on port {}",
                hosts.join(", "),
                bound.declared
            );
            let mend = "bind a VirtualService with `tls` routes to this Gateway";
            findings.add(&SERVER_WITHOUT_ROUTES, &bound.gateway.meta, &bound.field("hosts"), reason, mend);
        }
        for route in routes {
            let place = format!("{}.match[{}].sniHosts", route.field, route.number);
            let here =
                format!("{} ({})", route.resource.meta.resource_name(), route.resource.meta.locate(&place));
            match route.names.iter().find_map(|name| Some((name, taken.get(name)?))) {
                // Two servers of one port can lead to the same match: no contradiction.
                Some((_, owner)) if *owner == here => {}
                Some((name, owner)) => {
                    let reason = format!(
                        "`{name}` is taken on port {} by {owner}; this match is skipped",
                        bound.declared
                    );
                    findings.add(
                        &SNI_TAKEN,
                        &route.resource.meta,
                        &place,
                        reason,
                        "name each SNI once for each port",
                    );
                }
                None => taken.extend(route.names.into_iter().map(|name| (name, here.clone()))),
            }
        }
    }
}

/// What VirtualServices ask of the Gateways that they name.
pub(super) fn check_bindings(cluster: &Cluster<'_>, findings: &mut Findings) {
    let named =
        |gateway: &Arc<Resource<Gateway>>| format!("{}/{}", gateway.meta.namespace, gateway.meta.name);
    let all: BTreeMap<String, &Arc<Resource<Gateway>>> =
        cluster.snapshot.gateways().iter().map(|gateway| (named(gateway), gateway)).collect();
    let find = |name: &str| all.get(name).copied();
    for resource in cluster.snapshot.complete_virtual_services() {
        let named: Vec<&Arc<Resource<Gateway>>> =
            resource.spec.gateways.iter().filter_map(|name| find(name)).collect();
        for gateway in &named {
            kinds(&resource, gateway, findings);
        }
        ports(&resource, &named, findings);
    }
}

/// Whether the servers that share a host with the VirtualService look at any of its routes.
fn kinds(resource: &Resource<VirtualService>, gateway: &Resource<Gateway>, findings: &mut Findings) {
    let VirtualService { http, tls, tcp, hosts, .. } = &resource.spec;
    let mut admitting = gateway
        .spec
        .servers
        .iter()
        .filter(|server| !bound_hosts(server, &resource.meta.namespace, hosts).is_empty())
        .map(|server| (server, wanted(server)))
        .peekable();
    let Some((first, field)) = admitting.peek().copied() else { return };
    let has = |field: &str| match field {
        "http" => !http.is_empty(),
        "tls" => !tls.is_empty(),
        "tcp" => !tcp.is_empty(),
        _ => true,
    };
    if admitting.any(|(_, field)| has(field)) {
        return;
    }
    let name = format!("{}/{}", gateway.meta.namespace, gateway.meta.name);
    let position = resource.spec.gateways.iter().position(|known| *known == name).unwrap_or_default();
    let port = first.port.as_ref().map_or(0, |port| port.number);
    let reason = format!(
        "the Gateway {name} routes port {port} by `{field}`, and the VirtualService has no `{field}` routes"
    );
    let mend = format!("write the routes under `{field}`, or change the server's protocol or TLS mode");
    findings.add(&ROUTES_OF_WRONG_KIND, &resource.meta, &format!("spec.gateways[{position}]"), reason, mend);
}

/// The kind of routes that a server looks at; empty where it needs none.
fn wanted(server: &crate::resources::Server) -> &'static str {
    let protocol = server.port.as_ref().map_or("", |port| port.protocol.as_str());
    match Kind::of(server) {
        Kind::Http => "http",
        Kind::Terminates if protocol.eq_ignore_ascii_case("https") => "http",
        Kind::Terminates | Kind::Tcp => "tcp",
        Kind::Passthrough => "tls",
        Kind::AutoPassthrough => "",
    }
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
        let mend = format!("use {}, or leave `port` out", known.join(" or "));
        findings.add(&PORT_NEVER_SEEN, &resource.meta, &field, reason, mend);
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
