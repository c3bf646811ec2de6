//! Servers that find their port taken (Istio `model/gateway.go`, `mergeGateways`).

use crate::cluster::GatewayPod;
use crate::rule::{Findings, Rule};
use carrick_model::diagnostic::Severity;
use carrick_model::snapshot::{Conflict, LeftOut, ListenerProtocol, ServerKind};

pub(crate) const TLS_HOST_TAKEN: Rule = Rule {
    code: "CRK122",
    severity: Severity::Error,
    title: "two TLS servers of one gateway port share a host, and the younger one is left out",
    why: "\
One port can hold many TLS servers, told apart by SNI. If a server lists a host that an older server of the same port lists already, it is \
left out whole: its other hosts are not served either, and nothing says so at run time (Istio `model/gateway.go`). A wildcard and a name \
under it are not the same host; the name wins for itself. The same happens to a server that ends TLS for a host which an older server's \
TLS routes take already.

Age is `creationTimestamp`, then name, then namespace. With files that name no time, renaming a Gateway can decide which server is lost.",
    help: "List each host in one server only, or give the younger server another port.",
};

pub(crate) const PORT_CONTRADICTED: Rule = Rule {
    code: "CRK123",
    severity: Severity::Error,
    title: "a server wants another protocol on a gateway port than an older server, and is left out",
    why: "\
A port speaks plain HTTP, or TLS, or one plain TCP stream. The oldest Gateway decides which; a later server of another kind on the same port \
is left out (Istio `model/gateway.go`). Two declared ports can be one: a gateway's Service maps both to the same target port.",
    help: "Give the server a port of its own.",
};

pub(super) fn check(proxy: &GatewayPod, findings: &mut Findings) {
    for LeftOut { server, by, conflict } in &proxy.left_out {
        let whose =
            format!("{} ({})", by.gateway.meta.resource_name(), by.gateway.meta.locate(&by.field("port")));
        match conflict {
            Conflict::Host(host) => {
                let reason = format!(
                    "{whose} already serves `{host}` on port {}; this server is left out whole",
                    server.port
                );
                let help = "list the host in one server only, or use another port";
                findings.add(&TLS_HOST_TAKEN, &server.gateway.meta, &server.field("hosts"), reason, help);
            }
            Conflict::Protocol => {
                let reason = format!(
                    "{whose} already serves {} on this port; this server of {} is left out",
                    described(by.kind),
                    described(server.kind)
                );
                let help = "give the server a port of its own";
                findings.add(&PORT_CONTRADICTED, &server.gateway.meta, &server.field("port"), reason, help);
            }
        }
    }
}

fn described(kind: ServerKind) -> &'static str {
    match kind.protocol() {
        ListenerProtocol::Http => "plain HTTP",
        ListenerProtocol::Tls => "TLS",
        ListenerProtocol::Tcp => "plain TCP",
    }
}
