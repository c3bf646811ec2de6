//! Routes at the ports of gateways: servers that have none, and routes that come too late.

use crate::cluster::{Cluster, GatewayPod, Listener};
use crate::rule::{Findings, Rule};
use carrick_model::diagnostic::Severity;
use carrick_model::resource::Meta;
use carrick_model::snapshot::{GatewayServer, ServerKind, SniClaim, SniTarget, server_hosts};

use super::servers::TLS_HOST_TAKEN;

pub(crate) const SERVER_WITHOUT_ROUTES: Rule = Rule {
    code: "CRK126",
    severity: Severity::Warning,
    title: "a server has no routes, so its port stays closed, or answers every request with 404",
    why: "\
What a PASSTHROUGH server does with a connection comes only from the `tls` routes of VirtualServices that are bound to it and share a host with it. \
Without any there is no filter chain; if it is the only server of the port, nothing listens at all. The same holds for a TCP server, or one of protocol TLS that ends \
TLS, without `tcp` routes. A server that reads HTTP listens all the same, and has no route for any request.",
    help: "Bind a VirtualService with routes of the right kind for the server's hosts to the Gateway, or remove the server.",
};

pub(crate) const SNI_TAKEN: Rule = Rule {
    code: "CRK127",
    severity: Severity::Error,
    title: "an older TLS route of the same port has taken this SNI, and the whole match is skipped",
    why: "\
On one port an SNI can lead to one place. If any of a match's `sniHosts` is taken by an older route of that port, the whole match is skipped, with its \
other names (Istio `core/gateway.go`). Older is by `creationTimestamp`, then name, then namespace of the VirtualService.",
    help: "Name each SNI once for each port; split a match that mixes taken and new names.",
};

pub(crate) const TCP_TAKEN: Rule = Rule {
    code: "CRK129",
    severity: Severity::Error,
    title: "an older TCP route of the same server takes every connection",
    why: "\
Bytes do not say where they want to go. Of all `tcp` routes that hold at a gateway's server the first takes every connection, that of the oldest VirtualService before \
others, and in it the one that is written first; the rest is never taken (Istio `core/gateway.go`). Older is by `creationTimestamp`, then name, then namespace.",
    help: "Give each route a port of its own, and say which in `match.port`; or share one route by weight.",
};

pub(super) fn check(cluster: &Cluster<'_>, proxy: &GatewayPod, listener: &Listener, findings: &mut Findings) {
    for (place, server) in listener.port.servers.iter().enumerate() {
        match server.kind {
            ServerKind::Passthrough => {
                if listener.claims.iter().all(|claim| claim.server != place) {
                    without_routes(server, "tls", findings);
                }
            }
            ServerKind::TlsTerminated | ServerKind::Tcp => by_tcp(cluster, proxy, server, findings),
            ServerKind::Http | ServerKind::Https => by_http(cluster, proxy, server, findings),
            ServerKind::AutoPassthrough => {}
        }
    }
    for claim in &listener.claims {
        taken(listener, claim, findings);
    }
}

fn without_routes(server: &GatewayServer, routes: &str, findings: &mut Findings) {
    let hosts: Vec<&str> = server_hosts(server.server()).collect();
    let reason =
        format!("no VirtualService has `{routes}` routes for {} on port {}", hosts.join(", "), server.port);
    let help = format!("bind a VirtualService with `{routes}` routes to this Gateway");
    findings.add(&SERVER_WITHOUT_ROUTES, &server.gateway.meta, &server.field("hosts"), reason, help);
}

fn by_http(cluster: &Cluster<'_>, proxy: &GatewayPod, server: &GatewayServer, findings: &mut Findings) {
    let redirects = server.server().tls.as_ref().is_some_and(|tls| tls.https_redirect);
    let bound = cluster.snapshot.virtual_services_at(proxy.proxy(), server);
    if !redirects && bound.iter().all(|one| one.spec.http.is_empty()) {
        without_routes(server, "http", findings);
    }
}

fn by_tcp(cluster: &Cluster<'_>, proxy: &GatewayPod, server: &GatewayServer, findings: &mut Findings) {
    let claims = cluster.snapshot.tcp_claims(proxy.proxy(), server);
    let [first, later @ ..] = claims.as_slice() else {
        without_routes(server, "tcp", findings);
        return;
    };
    let field = |index: usize| format!("spec.tcp[{index}]");
    let owner = described(&first.resource.meta, &field(first.index));
    for late in later {
        let reason =
            format!("{owner} takes every connection of port {}; this route is never taken", server.port);
        let help = "give it a port of its own, or share one route by weight";
        findings.add(&TCP_TAKEN, &late.resource.meta, &field(late.index), reason, help);
    }
}

/// A claim that is void because an older one has one of its names.
fn taken(listener: &Listener, claim: &SniClaim, findings: &mut Findings) {
    let Some(taken) = &claim.taken else { return };
    let older = &listener.claims[taken.by];
    // Two servers of one port can lead to the same match or service: no contradiction.
    if older.target == claim.target && claim.target != SniTarget::Terminated {
        return;
    }
    let (name, server) = (&taken.name, &listener.port.servers[claim.server]);
    let (meta, field) = site(listener, older);
    let owner = described(meta, &field);
    let (meta, field) = site(listener, claim);
    match claim.target {
        SniTarget::Route { .. } => {
            let reason =
                format!("`{name}` is taken on port {} by {owner}; this match is skipped", server.port);
            findings.add(&SNI_TAKEN, meta, &field, reason, "name each SNI once for each port");
        }
        // Such names hold `_`, which no written host may: only another server for the same service
        // can have them.
        SniTarget::Service { .. } => {}
        SniTarget::Terminated => {
            let reason = format!(
                "`{name}` is taken on port {} by {owner}; this server is left out whole",
                server.port
            );
            let help = "name each host once for each port";
            findings.add(&TLS_HOST_TAKEN, meta, &field, reason, help);
        }
    }
}

/// Where a claim is written.
fn site<'a>(listener: &'a Listener, claim: &'a SniClaim) -> (&'a Meta, String) {
    match &claim.target {
        SniTarget::Route { resource, route, alternative } => {
            (&resource.meta, format!("spec.tls[{route}].match[{alternative}].sniHosts"))
        }
        SniTarget::Terminated | SniTarget::Service { .. } => {
            let server = &listener.port.servers[claim.server];
            (&server.gateway.meta, server.field("hosts"))
        }
    }
}

fn described(meta: &Meta, field: &str) -> String {
    format!("{} ({})", meta.resource_name(), meta.locate(field))
}
