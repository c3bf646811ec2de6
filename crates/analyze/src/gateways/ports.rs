//! Ports that a gateway listens on, and that no Service leads to.

use crate::cluster::{Cluster, GatewayPod};
use crate::rule::{Findings, Rule};
use carrick_model::diagnostic::Severity;

pub(crate) const PORT_OF_NO_SERVICE: Rule = Rule {
    code: "CRK139",
    severity: Severity::Warning,
    title: "a gateway listens on a port that no Service of its pods has",
    why: "\
A server's `port.number` is a port of the gateway's Service; the proxy listens on the target port behind it. If no Service of the gateway's pods has that port, the proxy \
listens on the number itself (Istio `model/gateway.go`), and whoever calls the gateway by its Service, or from outside by a load balancer, cannot come there.",
    help: "Add the port to the gateway's Service, or let the server declare one that the Service has.",
};

pub(super) fn check(cluster: &Cluster<'_>, proxy: &GatewayPod, findings: &mut Findings) {
    let services = cluster.snapshot.services_of(&proxy.workload);
    // Without any Service it is called at its pods' addresses, on purpose.
    let Some((first, ..)) = services.first() else { return };
    let mut known: Vec<u16> =
        services.iter().map(|(service, index, _)| service.ports[*index].number).collect();
    known.sort_unstable();
    known.dedup();
    let shown: Vec<String> = known.iter().map(ToString::to_string).collect();
    for server in proxy.servers().filter(|server| !known.contains(&server.port)) {
        let reason = format!(
            "no Service of the gateway's pods has port {} ({} has {})",
            server.port,
            first.meta.resource_name(),
            shown.join(", ")
        );
        let help = format!("add the port to {}, or use one that it has", first.meta.resource_name());
        findings.add(&PORT_OF_NO_SERVICE, &server.gateway.meta, &server.field("port.number"), reason, help);
    }
}
