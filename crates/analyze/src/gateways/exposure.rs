//! What passthrough servers let through: more names than the Gateway says, or bytes that are
//! encrypted once more.

use std::sync::Arc;

use crate::cluster::{Cluster, GatewayPod, Listener};
use crate::rule::{Findings, Rule};
use carrick_model::diagnostic::Severity;
use carrick_model::host;
use carrick_model::resource::Resource;
use carrick_model::resources::{ClientTlsMode, Destination, RouteDestination, VirtualService};
use carrick_model::snapshot::{
    MtlsMode, Resolution, Service, SniClaim, SniTarget, TlsCapability, server_hosts,
};

pub(crate) const ENCRYPTED_TWICE: Rule = Rule {
    code: "CRK107",
    severity: Severity::Error,
    title: "a gateway would encrypt passed-through TLS once more",
    why: "\
At a PASSTHROUGH server the bytes are TLS already, from the far client to the workload. If the gateway's own upstream encrypts too, by a \
DestinationRule or by automatic mutual TLS (the default inside the mesh), the workload's sidecar opens the outer layer and hands the inner \
one to the application as if it were its data. Requests fail with a reset or with 400.",
    help: "\
Route to a subset whose DestinationRule says `tls: { mode: DISABLE }`. A subset, so that other callers in the cluster still use mutual TLS.",
};

pub(crate) const SNI_WIDER_THAN_GATEWAY: Rule = Rule {
    code: "CRK121",
    severity: Severity::Warning,
    title: "`sniHosts` let through names that the Gateway does not list",
    why: "\
A Gateway's `hosts` decide whether a VirtualService binds to a server; for TLS routes any overlap is enough. After that the route's `sniHosts` are used as \
they stand, also where they are wider (Istio `core/tls.go`). Whoever reads the Gateway believes that only its hosts can pass.",
    help: "Narrow `sniHosts` to the Gateway's hosts, or list the names in the Gateway.",
};

pub(crate) const BY_WILDCARD: Rule = Rule {
    code: "CRK128",
    severity: Severity::Warning,
    title: "a service is exposed by a wildcard",
    why: "\
Nothing should be reachable from outside that nobody chose to expose. A wildcard in `sniHosts` that leads into the cluster takes every \
name under it, also names that another service was meant to have.",
    help: "List the exposed names one by one.",
};

pub(super) fn check(cluster: &Cluster<'_>, proxy: &GatewayPod, listener: &Listener, findings: &mut Findings) {
    for route in listener.claims.iter().filter_map(SniRoute::from_claim) {
        wider(listener, &route, findings);
        by_wildcard(cluster, proxy, &route, findings);
        twice(cluster, proxy, listener.port.servers[route.server].port, &route, findings);
    }
}

/// A TLS match of a VirtualService at a passthrough server.
pub(super) struct SniRoute<'a> {
    /// The server's place among those of the port.
    pub(super) server: usize,
    pub(super) resource: &'a Resource<VirtualService>,
    /// `spec.tls[N]`.
    pub(super) field: String,
    /// Which of the route's matches.
    number: usize,
    names: &'a [String],
    pub(super) destinations: &'a [RouteDestination],
}

impl<'a> SniRoute<'a> {
    pub(super) fn from_claim(claim: &'a SniClaim) -> Option<SniRoute<'a>> {
        let SniTarget::Route { resource, route, alternative } = &claim.target else { return None };
        let (_, destinations) = claim.target.route()?;
        let field = format!("spec.tls[{route}]");
        let (server, number, names) = (claim.server, *alternative, claim.names.as_slice());
        Some(SniRoute { server, resource, field, number, names, destinations })
    }
}

fn wider(listener: &Listener, route: &SniRoute<'_>, findings: &mut Findings) {
    let listed = || listener.port.servers.iter().flat_map(|server| server_hosts(server.server()));
    for (number, name) in route.names.iter().enumerate() {
        if listed().any(|host| host::is_subset(name, host)) {
            continue;
        }
        let hosts: Vec<&str> = listed().collect();
        let reason = format!(
            "`{name}` is wider than the Gateway's hosts ({}), and is let through all the same",
            hosts.join(", ")
        );
        let field = format!("{}.match[{}].sniHosts[{number}]", route.field, route.number);
        let help = "narrow `sniHosts`, or list the name in the Gateway";
        findings.add(&SNI_WIDER_THAN_GATEWAY, &route.resource.meta, &field, reason, help);
    }
}

fn by_wildcard(cluster: &Cluster<'_>, proxy: &GatewayPod, route: &SniRoute<'_>, findings: &mut Findings) {
    let inside = destinations(cluster, proxy, route).find(|(_, _, service)| !service.mesh_external);
    let Some((_, _, service)) = inside else { return };
    for (number, name) in route.names.iter().enumerate().filter(|(_, name)| host::is_wildcard(name)) {
        let reason = format!("every name under `{name}` reaches {}", service.host);
        let field = format!("{}.match[{}].sniHosts[{number}]", route.field, route.number);
        findings.add(&BY_WILDCARD, &route.resource.meta, &field, reason, "list the exposed names one by one");
    }
}

/// A route's destinations that exist: position, destination, service.
fn destinations<'a>(
    cluster: &'a Cluster<'_>,
    proxy: &'a GatewayPod,
    route: &'a SniRoute<'_>,
) -> impl Iterator<Item = (usize, &'a Destination, &'a Arc<Service>)> {
    route.destinations.iter().enumerate().filter_map(|(number, to)| {
        let destination = to.destination.as_ref()?;
        let service = cluster.service(&proxy.workload.namespace, &destination.host)?;
        Some((number, destination, service))
    })
}

fn twice(
    cluster: &Cluster<'_>,
    proxy: &GatewayPod,
    called: u16,
    route: &SniRoute<'_>,
    findings: &mut Findings,
) {
    for (number, destination, service) in destinations(cluster, proxy, route) {
        let Some(how) = encrypts(cluster, proxy, destination, service, called) else { continue };
        let reason = format!("the connection is TLS already, and {how} would encrypt it again");
        let field = format!("{}.route[{number}].destination", route.field);
        let help = "route to a subset whose DestinationRule says `tls: { mode: DISABLE }`";
        findings.add(&ENCRYPTED_TWICE, &route.resource.meta, &field, reason, help);
    }
}

/// By what the gateway's connections to a destination are encrypted, if they are.
fn encrypts(
    cluster: &Cluster<'_>,
    proxy: &GatewayPod,
    destination: &Destination,
    service: &Service,
    called: u16,
) -> Option<String> {
    let snapshot = cluster.snapshot;
    let port = match (destination.port, service.ports.as_slice()) {
        (Some(port), _) => port.number,
        (None, [only]) => only.number,
        (None, _) => called,
    };
    let (index, _) = service.port(port)?;
    if cluster.leads_back(proxy, service) {
        // Then it is not this that is wrong.
        return None;
    }
    let rule = snapshot.destination_rule_for(&proxy.workload.namespace, &proxy.workload.labels, service);
    let subset = (!destination.subset.is_empty()).then_some(destination.subset.as_str());
    if let (Some(name), Some(rule)) = (subset, &rule)
        && rule.subset(name).is_none()
    {
        return None;
    }
    match rule.as_ref().and_then(|rule| Some((rule.policy(port, subset).tls?, rule))) {
        Some((tls, _)) if tls.mode == ClientTlsMode::Disable => None,
        Some((_, rule)) => rule.meta().map(|meta| meta.resource_name().to_string()),
        None => {
            let automatic = snapshot.settings().enable_auto_mtls
                && !service.mesh_external
                && service.resolution != Resolution::Passthrough
                && snapshot.inferred_mtls(service) != MtlsMode::Disable
                && service.endpoints_of(index).iter().any(|endpoint| endpoint.tls == TlsCapability::Istio);
            automatic.then(|| "automatic mutual TLS".to_owned())
        }
    }
}
