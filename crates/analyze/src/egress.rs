//! Traffic that leaves by a way that nobody chose: fixed addresses that are somebody's, and
//! gateways that call themselves.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::View;
use super::cluster::{Cluster, GatewayPod, Listener};
use super::rule::{Findings, Rule};
use carrick_model::diagnostic::Severity;
use carrick_model::resource::Resource;
use carrick_model::resources::{Destination, VirtualService};
use carrick_model::snapshot::{GatewayServer, Resolution, ServiceKind, SniTarget};

pub(super) const UNKNOWN_NAMES_LEAVE: Rule = Rule {
    code: "CRK111",
    severity: Severity::Warning,
    title: "names of the shared suffix resolve to a real address, and unknown traffic may leave for it",
    why: "\
With one fixed DNS answer for the whole suffix, a name that no cluster exposes, or that is mistyped, resolves too. The sidecar has no route for it; with \
outbound policy ALLOW_ANY it passes the connection on to the address, in plain text, with whatever the request holds. The original set-up answered 1.1.1.1, \
which is a public resolver: it would have got these requests. The same holds for ports that a ServiceEntry with a written address does not declare.",
    help: "\
Use REGISTRY_ONLY (the default here), or leave the fixed address out: then each host has an address of its own from 240.240.0.0/16, which nothing routes.",
};

pub(super) const ORIGINAL_DESTINATION: Rule = Rule {
    code: "CRK112",
    severity: Severity::Error,
    title: "a gateway routes to a ServiceEntry with resolution NONE",
    why: "\
NONE means \"go where the client wanted to go\". At a gateway the client wanted to go to the gateway. Istio gives gateways no original destination for \
such services; there is no endpoint, and every connection fails (in older versions it looped; Istio, \"Egress gateways\", and `core/cluster.go`). NONE is also \
the default where `resolution` is not written.",
    help: "Write `resolution: DNS`, or STATIC with endpoints.",
};

pub(super) const SENDS_TO_ITSELF: Rule = Rule {
    code: "CRK113",
    severity: Severity::Error,
    title: "a gateway's route leads back to the same gateway",
    why: "\
The usual slip: sidecars find the egress gateway by a ServiceEntry for the far host, whose endpoint is the gateway. The gateway's own VirtualService must then lead on to \
the far cluster's ingress, under another name. If it names the same host, it finds the same endpoint, itself, and connections go round until something is exhausted.",
    help: "Give the far ingress a ServiceEntry of its own, and route to that.",
};

pub(super) fn check(cluster: &Cluster<'_>, view: &View<'_>, findings: &mut Findings) {
    if cluster.lets_unknown_out() {
        fixed_answer(cluster, view, findings);
        written_addresses(cluster, findings);
    }
    for proxy in &cluster.gateways {
        for listener in &proxy.listeners {
            let mut onward_to = by_sni(listener);
            for server in &listener.port.servers {
                onward_to.extend(by_http(cluster, proxy, server));
                onward_to.extend(by_tcp(cluster, proxy, server));
            }
            for (resource, field, destination) in onward_to {
                onward(cluster, proxy, &resource, &field, &destination, findings);
            }
        }
    }
}

fn fixed_answer(cluster: &Cluster<'_>, view: &View<'_>, findings: &mut Findings) {
    let settings = cluster.snapshot.settings();
    let Some(address) = settings.global_address.filter(|address| is_real((*address).into())) else { return };
    let reason = format!(
        "every name under `.{}` resolves to {address}, and ALLOW_ANY sends what no cluster exposes to the real {address}",
        settings.dns_suffix
    );
    let help = "use `outboundTrafficPolicy: REGISTRY_ONLY`, or remove `globalAddress`: each host then has an address that nothing routes";
    findings.add(&UNKNOWN_NAMES_LEAVE, &view.federation.meta, "spec.dns.globalAddress", reason, help);
}

fn written_addresses(cluster: &Cluster<'_>, findings: &mut Findings) {
    let settings = cluster.snapshot.settings();
    for service in cluster.snapshot.services() {
        let is_import = service.kind == ServiceKind::Entry && settings.is_global(&service.host);
        if !is_import || service.auto_address {
            continue;
        }
        for (number, address) in service.ips().enumerate().filter(|(_, address)| is_real(*address)) {
            let reason = format!(
                "{} resolves to {address}, and ALLOW_ANY sends ports that are not declared here to the real {address}",
                service.host
            );
            let field = format!("spec.addresses[{number}]");
            let help = "remove the address: the host then has one that nothing routes; or use REGISTRY_ONLY";
            findings.add(&UNKNOWN_NAMES_LEAVE, &service.meta, &field, reason, help);
        }
    }
}

/// Whether something may answer there. Loopback, 240.0.0.0/4 (RFC 1112) and documentation ranges
/// (RFC 5737) are nobody's.
fn is_real(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => {
            let reserved = ip >= Ipv4Addr::new(240, 0, 0, 0);
            !(ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_documentation()
                || ip.is_link_local()
                || reserved)
        }
        IpAddr::V6(ip) => !(ip.is_loopback() || ip.is_unspecified()),
    }
}

type Onward = (Arc<Resource<VirtualService>>, String, Destination);

/// Where the TLS routes of a port lead, with the field of each destination.
fn by_sni(listener: &Listener) -> Vec<Onward> {
    let mut found = Vec::new();
    for claim in listener.claims.iter().filter(|claim| claim.taken.is_none()) {
        let (SniTarget::Route { resource, route, .. }, Some((_, destinations))) =
            (&claim.target, claim.target.route())
        else {
            continue;
        };
        for (number, to) in destinations.iter().enumerate() {
            let field = format!("spec.tls[{route}].route[{number}].destination");
            found.extend(to.destination.clone().map(|to| (resource.clone(), field, to)));
        }
    }
    found
}

/// Where a server's HTTP routes lead, if it looks at any.
fn by_http(cluster: &Cluster<'_>, proxy: &GatewayPod, server: &GatewayServer) -> Vec<Onward> {
    if server.kind.routes_field() != Some("http") {
        return Vec::new();
    }
    let context = server.match_context(proxy.proxy());
    let mut found = Vec::new();
    for resource in cluster.snapshot.virtual_services_at(proxy.proxy(), server) {
        for (number, route) in resource.spec.http.iter().enumerate() {
            if route.matches.is_empty() || route.matches.iter().any(|wanted| context.admits_http(wanted)) {
                for (position, to) in route.route.iter().enumerate() {
                    let field = format!("spec.http[{number}].route[{position}].destination");
                    found.extend(to.destination.clone().map(|to| (resource.clone(), field, to)));
                }
            }
        }
    }
    found
}

/// Where a server's TCP route leads, if it looks at any.
fn by_tcp(cluster: &Cluster<'_>, proxy: &GatewayPod, server: &GatewayServer) -> Vec<Onward> {
    if server.kind.routes_field() != Some("tcp") {
        return Vec::new();
    }
    let claims = cluster.snapshot.tcp_claims(proxy.proxy(), server);
    let Some(first) = claims.first() else { return Vec::new() };
    let mut found = Vec::new();
    for (position, to) in first.route().route.iter().enumerate() {
        let field = format!("spec.tcp[{}].route[{position}].destination", first.index);
        found.extend(to.destination.clone().map(|to| (first.resource.clone(), field, to)));
    }
    found
}

fn onward(
    cluster: &Cluster<'_>,
    proxy: &GatewayPod,
    resource: &Resource<VirtualService>,
    field: &str,
    destination: &Destination,
    findings: &mut Findings,
) {
    let Some(service) = cluster.service(&proxy.workload.namespace, &destination.host) else { return };
    if service.kind == ServiceKind::Entry && service.resolution == Resolution::Passthrough {
        let reason = format!("{} has resolution NONE, so at a gateway there is nowhere to go", service.host);
        let help = format!("write `resolution: DNS` in {}", service.meta.resource_name());
        findings.add(&ORIGINAL_DESTINATION, &resource.meta, field, reason, help);
        return;
    }
    if cluster.leads_back(proxy, service) {
        let reason = format!("{} leads back to this gateway ({})", service.host, proxy.workload.owner);
        let help = "route to a ServiceEntry for the far cluster's ingress instead";
        findings.add(&SENDS_TO_ITSELF, &resource.meta, field, reason, help);
    }
}

#[cfg(test)]
mod tests;
