//! What a gateway proxy really listens to: the servers of its Gateways, oldest first, joined by port. Who comes later and contradicts is
//! left out (Istio `model/gateway.go`, `mergeGateways`); rules ask who that was.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::host;
use crate::resource::Resource;
use crate::resources::{
    Gateway, L4MatchAttributes, RouteDestination, Server, ServerTlsMode, TlsMatchAttributes, VirtualService,
};
use crate::snapshot::{MeshSnapshot, Protocol, Workload, bound_hosts, server_hosts};

pub(super) struct Listener {
    pub bind: String,
    /// The port that is listened on, behind the declared one.
    pub number: u16,
    pub kind: Kind,
    pub servers: Vec<Bound>,
    /// Servers that found the port taken, each with the position of the server that has it.
    pub left_out: Vec<(Bound, usize)>,
}

/// What a server does with its connections (Istio `pkg/config/gateway/gateway.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Http,
    /// TLS ends here, with HTTP or bytes inside.
    Terminates,
    Passthrough,
    AutoPassthrough,
    Tcp,
}

impl Kind {
    pub fn of(server: &Server) -> Kind {
        let protocol = Protocol::parse(server.port.as_ref().map_or("", |port| port.protocol.as_str()));
        match &server.tls {
            _ if protocol.is_http() => Kind::Http,
            None => Kind::Tcp,
            Some(tls) => match tls.mode {
                ServerTlsMode::Passthrough => Kind::Passthrough,
                ServerTlsMode::AutoPassthrough => Kind::AutoPassthrough,
                _ => Kind::Terminates,
            },
        }
    }

    pub fn is_tls(self) -> bool {
        matches!(self, Kind::Terminates | Kind::Passthrough | Kind::AutoPassthrough)
    }

    /// Whether the two can stand on one port.
    fn shares_with(self, other: Kind) -> bool {
        self.is_tls() && other.is_tls() || self == Kind::Http && other == Kind::Http
    }

    pub fn describe(self) -> &'static str {
        match self {
            Kind::Http => "plain HTTP",
            Kind::Terminates | Kind::Passthrough | Kind::AutoPassthrough => "TLS",
            Kind::Tcp => "plain TCP",
        }
    }
}

/// A server, and the Gateway in which it is written.
#[derive(Clone)]
pub(super) struct Bound {
    pub gateway: Arc<Resource<Gateway>>,
    pub index: usize,
    pub kind: Kind,
    /// The port that the Gateway declares; VirtualServices compare with it.
    pub declared: u16,
}

impl Bound {
    pub fn server(&self) -> &Server {
        &self.gateway.spec.servers[self.index]
    }

    pub fn field(&self, of_server: &str) -> String {
        format!("spec.servers[{}].{of_server}", self.index)
    }

    /// `ns/name`.
    pub fn gateway_name(&self) -> String {
        format!("{}/{}", self.gateway.meta.namespace, self.gateway.meta.name)
    }
}

/// A TLS match of a VirtualService at a passthrough server: the names that it takes, and where they go.
pub(super) struct SniRoute {
    pub resource: Arc<Resource<VirtualService>>,
    /// `spec.tls[N]`.
    pub field: String,
    /// Which of the route's matches.
    pub number: usize,
    pub names: Vec<String>,
    pub destinations: Vec<RouteDestination>,
}

pub(super) fn listeners(snapshot: &MeshSnapshot, workload: &Workload) -> Vec<Listener> {
    let mut listeners: Vec<Listener> = Vec::new();
    for gateway in snapshot.gateways_for(&workload.labels) {
        for (index, server) in gateway.spec.servers.iter().enumerate() {
            let Some(port) = &server.port else { continue };
            let (kind, declared) = (Kind::of(server), port.number);
            place(
                snapshot,
                workload,
                &mut listeners,
                Bound { gateway: gateway.clone(), index, kind, declared },
            );
        }
    }
    listeners
}

fn place(snapshot: &MeshSnapshot, workload: &Workload, listeners: &mut Vec<Listener>, bound: Bound) {
    let number = listened(snapshot, workload, bound.declared);
    let bind = bound.server().bind.clone();
    let Some(listener) = listeners.iter_mut().find(|known| known.number == number && known.bind == bind)
    else {
        let (kind, servers) = (bound.kind, vec![bound]);
        listeners.push(Listener { bind, number, kind, servers, left_out: Vec::new() });
        return;
    };
    let in_the_way = match listener.kind.shares_with(bound.kind) {
        false => Some(0),
        true if bound.kind.is_tls() => listener.servers.iter().position(|other| share_a_host(other, &bound)),
        true => None,
    };
    match in_the_way {
        Some(winner) => listener.left_out.push((bound, winner)),
        None => listener.servers.push(bound),
    }
}

/// Exact comparison: a wildcard and a name under it are not the same (Istio `model/gateway.go`).
fn share_a_host(one: &Bound, other: &Bound) -> bool {
    let hosts: BTreeSet<&str> = server_hosts(one.server()).collect();
    server_hosts(other.server()).any(|name| hosts.contains(name))
}

/// The target port of the oldest service of this pod that has the declared port, else the declared port.
fn listened(snapshot: &MeshSnapshot, workload: &Workload, declared: u16) -> u16 {
    let services = snapshot.services_of(workload);
    let behind = services.iter().find(|(service, index, _)| service.ports[*index].number == declared);
    behind.map_or(declared, |(_, _, target)| *target)
}

/// The VirtualServices that bind to a server, oldest first.
pub(super) fn bound_services(
    snapshot: &MeshSnapshot,
    proxy_namespace: &str,
    bound: &Bound,
) -> Vec<Arc<Resource<VirtualService>>> {
    let mut all = snapshot.virtual_services_for_gateway(proxy_namespace, &bound.gateway_name());
    all.retain(|one| !bound_hosts(bound.server(), &one.meta.namespace, &one.spec.hosts).is_empty());
    all
}

/// What a passthrough server does by SNI, in the order in which names are taken.
pub(super) fn sni_routes(snapshot: &MeshSnapshot, proxy: &Workload, bound: &Bound) -> Vec<SniRoute> {
    let mut found = Vec::new();
    for resource in bound_services(snapshot, &proxy.namespace, bound) {
        for (number, route) in resource.spec.tls.iter().enumerate() {
            let holding = route.matches.iter().enumerate();
            for (position, wanted) in holding.filter(|(_, wanted)| tls_match_holds(wanted, proxy, bound)) {
                found.push(SniRoute {
                    resource: resource.clone(),
                    field: format!("spec.tls[{number}]"),
                    number: position,
                    names: wanted.sni_hosts.clone(),
                    destinations: route.route.clone(),
                });
            }
        }
    }
    found
}

fn tls_match_holds(wanted: &TlsMatchAttributes, proxy: &Workload, bound: &Bound) -> bool {
    let TlsMatchAttributes { port, source_labels, source_namespace, gateways, .. } = wanted;
    holds(*port, source_labels, source_namespace, gateways, proxy, bound)
}

pub(super) fn tcp_match_holds(wanted: &L4MatchAttributes, proxy: &Workload, bound: &Bound) -> bool {
    let L4MatchAttributes { port, source_labels, source_namespace, gateways, .. } = wanted;
    holds(*port, source_labels, source_namespace, gateways, proxy, bound)
}

fn holds(
    port: Option<u16>,
    labels: &std::collections::BTreeMap<String, String>,
    namespace: &str,
    gateways: &[String],
    proxy: &Workload,
    bound: &Bound,
) -> bool {
    port.is_none_or(|port| port == bound.declared)
        && (gateways.is_empty() || gateways.contains(&bound.gateway_name()))
        && (namespace.is_empty() || namespace == proxy.namespace)
        && crate::resources::labels_match(labels, &proxy.labels)
}

/// How well a chain's name fits an SNI: the name itself, else the longest wildcard, else `*` (Envoy's FilterChainMatch).
pub(super) fn fit(name: &str, sni: &str) -> Option<usize> {
    match name {
        "*" => Some(0),
        _ if name == sni => Some(usize::MAX),
        _ if host::is_wildcard(name) && host::is_subset(sni, name) => Some(name.len()),
        _ => None,
    }
}
