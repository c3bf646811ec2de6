//! AUTO_PASSTHROUGH servers that open more than anybody chose to: by a wildcard, and to what lies
//! beyond this cluster.

use crate::cluster::{Cluster, GatewayPod, Listener};
use crate::rule::{Findings, Rule};
use carrick_model::diagnostic::Severity;
use carrick_model::host;
use carrick_model::snapshot::{ServerKind, server_hosts};

pub(crate) const OPEN_TO_ALL: Rule = Rule {
    code: "CRK152",
    severity: Severity::Error,
    title: "an AUTO_PASSTHROUGH server opens more than was exported",
    why: "\
At an AUTO_PASSTHROUGH server the SNI spells out the service, and no VirtualService is asked: every service of the mesh that `hosts` cover can be called from \
outside, by whoever has a certificate of the same roots. A wildcard such as `*.local` covers services that nobody chose to export, and those made tomorrow.

It covers imports too. A ServiceEntry with `location: MESH_INTERNAL` that leads to an egress gateway, or into another network, is a service of the mesh like \
any other: an outsider who calls it here is passed on to the far cluster, through this one, although neither cluster exported anything to them. \
Carrick's control plane leaves such imports out; Istio's does not.",
    help: "\
List the exported names one by one. Keep imports away from the gateway: `exportTo` of the ServiceEntry with the namespaces of its clients, without the \
gateway's. Or use PASSTHROUGH with a VirtualService for each exported service.",
};

pub(super) fn check(cluster: &Cluster<'_>, proxy: &GatewayPod, listener: &Listener, findings: &mut Findings) {
    for server in listener.port.servers.iter().filter(|server| server.kind == ServerKind::AutoPassthrough) {
        for (number, written) in server_hosts(server.server()).enumerate() {
            let Some(reason) = opened(cluster, proxy, written) else { continue };
            let field = server.field(&format!("hosts[{number}]"));
            let help =
                "list the exported names one by one; keep imports from this gateway by their `exportTo`";
            findings.add(&OPEN_TO_ALL, &server.gateway.meta, &field, reason, help);
        }
    }
}

fn opened(cluster: &Cluster<'_>, proxy: &GatewayPod, written: &str) -> Option<String> {
    let seen = cluster.snapshot.services_visible_to(&proxy.workload.namespace);
    let covered = seen.filter(|service| !service.mesh_external && host::is_subset(&service.host, written));
    let (imports, own): (Vec<_>, Vec<_>) = covered.partition(|service| cluster.snapshot.leads_out(service));
    let imports: Vec<&str> = imports.iter().map(|service| service.host.as_str()).collect();
    let own: Vec<&str> = own.iter().map(|service| service.host.as_str()).collect();
    let transit =
        (!imports.is_empty()).then(|| format!("passes outsiders on to the import{}", shown(&imports)));
    let exposed = host::is_wildcard(written).then(|| match own[..] {
        [] => "exposes every service that will ever match".to_owned(),
        _ => format!("exposes {} service{}", own.len(), shown(&own)),
    });
    match (exposed, transit) {
        (None, None) => None,
        (Some(one), None) | (None, Some(one)) => Some(format!("`{written}` {one}")),
        (Some(exposed), Some(transit)) => Some(format!("`{written}` {exposed}, and {transit}")),
    }
}

/// The end of a sentence that has a noun in the singular.
fn shown(hosts: &[&str]) -> String {
    match hosts {
        [] => String::new(),
        [one] => format!(" {one}"),
        [one, .., last] => format!("s, from {one} to {last}"),
    }
}
