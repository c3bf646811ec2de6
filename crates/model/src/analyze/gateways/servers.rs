//! Servers that find their port taken (Istio `model/gateway.go`, `mergeGateways`).

use crate::analyze::listener::{Bound, Listener};
use crate::analyze::rule::{Findings, Rule};
use crate::diagnostic::Severity;
use crate::snapshot::server_hosts;

pub(in crate::analyze) const TLS_HOST_TAKEN: Rule = Rule {
    code: "CRK122",
    severity: Severity::Error,
    title: "two TLS servers of one gateway port share a host, and the younger one is left out",
    why: "\
One port can hold many TLS servers, told apart by SNI. If a server lists a host that an older server of the same port lists already, it is \
left out whole: its other hosts are not served either, and nothing says so at run time (Istio `model/gateway.go`). A wildcard and a name \
under it are not the same host; the name wins for itself.

Age is `creationTimestamp`, then name, then namespace. With files that name no time, renaming a Gateway can decide which server is lost.",
    mend: "List each host in one server only, or give the younger server another port.",
};

pub(in crate::analyze) const PORT_CONTRADICTED: Rule = Rule {
    code: "CRK123",
    severity: Severity::Error,
    title: "a server wants another protocol on a gateway port than an older server, and is left out",
    why: "\
A port speaks plain HTTP, or TLS, or one plain TCP stream. The oldest Gateway decides which; a later server of another kind on the same port \
is left out (Istio `model/gateway.go`). Two declared ports can be one: a gateway's Service maps both to the same target port.",
    mend: "Give the server a port of its own.",
};

pub(super) fn check(listener: &Listener, findings: &mut Findings) {
    for (loser, winner) in &listener.left_out {
        let winner = &listener.servers[*winner];
        let whose = format!(
            "{} ({})",
            winner.gateway.meta.resource_name(),
            winner.gateway.meta.locate(&winner.field("port"))
        );
        match shared_host(loser, winner) {
            Some(host) if loser.kind.is_tls() && winner.kind.is_tls() => {
                let reason = format!(
                    "{whose} already serves `{host}` on port {}; this server is left out whole",
                    loser.declared
                );
                let mend = "list the host in one server only, or use another port";
                findings.add(&TLS_HOST_TAKEN, &loser.gateway.meta, &loser.field("hosts"), reason, mend);
            }
            _ => {
                let reason = format!(
                    "{whose} already serves {} on this port; this server of {} is left out",
                    winner.kind.describe(),
                    loser.kind.describe()
                );
                let mend = "give the server a port of its own";
                findings.add(&PORT_CONTRADICTED, &loser.gateway.meta, &loser.field("port"), reason, mend);
            }
        }
    }
}

fn shared_host<'a>(one: &'a Bound, other: &Bound) -> Option<&'a str> {
    server_hosts(one.server()).find(|name| server_hosts(other.server()).any(|known| known == *name))
}
