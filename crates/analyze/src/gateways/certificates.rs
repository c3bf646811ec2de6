//! Passthrough routes to ports where nobody has to show a certificate.

use super::exposure::SniRoute;
use crate::cluster::{Cluster, GatewayPod, Listener};
use crate::rule::{Findings, Rule};
use carrick_model::diagnostic::Severity;
use carrick_model::resources::Destination;
use carrick_model::snapshot::{Endpoint, EndpointAddress, MtlsMode, ServerMtls, Service, ServiceKind};

pub(crate) const NOT_STRICT: Rule = Rule {
    code: "CRK151",
    severity: Severity::Error,
    title: "a passthrough route leads to a port that does not insist on a certificate",
    why: "\
A PASSTHROUGH gateway lets everybody through who says the right SNI; who they are is for the workload's sidecar to ask. Unless the port is STRICT, Istio's \
sidecar takes TLS without a client certificate, and without the mesh's ALPN, for the application's own: at a TCP port the bytes of anybody on the internet \
reach the application, and an AuthorizationPolicy that denies principals has nobody to deny. PERMISSIVE is the default where no PeerAuthentication says otherwise.

Carrick's control plane asks for a certificate all the same: for the SNIs of passthrough routes a sidecar takes nothing but mutual TLS, whatever the \
port's mode. An application behind such a route that ends its own TLS is therefore not reached.",
    help: "\
Make the port STRICT by a PeerAuthentication of the workload, of its namespace, or of the mesh: `spec: { mtls: { mode: STRICT } }`.",
};

pub(super) fn check(cluster: &Cluster<'_>, proxy: &GatewayPod, listener: &Listener, findings: &mut Findings) {
    for route in listener.claims.iter().filter_map(SniRoute::from_claim) {
        let declared = listener.port.servers[route.server].port;
        check_route(cluster, proxy, declared, &route, findings);
    }
}

fn check_route(
    cluster: &Cluster<'_>,
    proxy: &GatewayPod,
    declared: u16,
    route: &SniRoute<'_>,
    findings: &mut Findings,
) {
    for (number, to) in route.destinations.iter().enumerate() {
        let Some(destination) = &to.destination else { continue };
        let Some(service) = cluster.service(&proxy.workload.namespace, &destination.host) else { continue };
        let port = called(destination, service, declared);
        let Some((who, open)) = first_open(cluster, service, port) else { continue };
        let mode = match open.mode {
            MtlsMode::Disable => "DISABLE",
            _ => "PERMISSIVE",
        };
        let by = match open.decided_by.as_deref().and_then(|path| cluster.snapshot.find(path)) {
            Some(policy) => format!("by {}", policy.resource_name()),
            None => "since no PeerAuthentication says otherwise".to_owned(),
        };
        let reason = format!("{who} is {mode}, {by}: a caller from outside needs no certificate");
        let field = format!("{}.route[{number}].destination", route.field);
        let help = "make the port STRICT: a PeerAuthentication with `mtls: { mode: STRICT }`";
        findings.add(&NOT_STRICT, &route.resource.meta, &field, reason, help);
    }
}

fn called(destination: &Destination, service: &Service, declared: u16) -> u16 {
    match (destination.port, service.ports.as_slice()) {
        (Some(port), _) => port.number,
        (None, [only]) => only.number,
        (None, _) => declared,
    }
}

/// Somebody of this cluster behind the port who takes callers without a certificate. Who has no
/// sidecar is in no mesh.
fn first_open(cluster: &Cluster<'_>, service: &Service, port: u16) -> Option<(String, ServerMtls)> {
    let snapshot = cluster.snapshot;
    let reached = snapshot.reached(service, port);
    if reached.is_empty() && service.kind == ServiceKind::Kubernetes {
        // Its pods are applied by another hand; its namespace's policy holds for them.
        let open = snapshot.inferred_server_mtls(service);
        return (open.mode != MtlsMode::Strict).then(|| (service.host.clone(), open));
    }
    reached.into_iter().find_map(|endpoint| {
        let (who, open) = of_endpoint(cluster, endpoint)?;
        (open.mode != MtlsMode::Strict).then(|| (format!("port {} of {who}", endpoint.port), open))
    })
}

fn of_endpoint(cluster: &Cluster<'_>, endpoint: &Endpoint) -> Option<(String, ServerMtls)> {
    let snapshot = cluster.snapshot;
    let workload = match endpoint.address {
        EndpointAddress::Ip(ip) => snapshot.workload_by_ip(ip)?,
        _ => return None,
    };
    let has_sidecar =
        workload.labels.get(carrick_model::snapshot::TLS_MODE_LABEL).is_some_and(|mode| mode == "istio");
    if !has_sidecar || snapshot.is_gateway(workload) {
        return None;
    }
    Some((format!("{}/{}", workload.namespace, workload.name), snapshot.server_mtls(workload, endpoint.port)))
}
