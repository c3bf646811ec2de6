//! What a gateway proxy really listens to: the servers of its Gateways, oldest first, joined by port. Who comes later and contradicts is
//! left out (Istio `model/gateway.go`, `mergeGateways`); rules ask who that was.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::chains::Chains;
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
    /// Which server has which host, for TLS servers.
    hosts: BTreeMap<String, usize>,
    /// Made when somebody asks.
    pub chains: OnceCell<Chains>,
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
    let ports = listened_ports(snapshot, workload);
    let mut listeners: Vec<Listener> = Vec::new();
    for gateway in snapshot.gateways_for(&workload.labels) {
        for (index, server) in gateway.spec.servers.iter().enumerate() {
            let Some(port) = &server.port else { continue };
            let (kind, declared) = (Kind::of(server), port.number);
            let number = ports.get(&declared).copied().unwrap_or(declared);
            place(&mut listeners, number, Bound { gateway: gateway.clone(), index, kind, declared });
        }
    }
    listeners
}

fn place(listeners: &mut Vec<Listener>, number: u16, bound: Bound) {
    let bind = bound.server().bind.as_str();
    let known = listeners.iter_mut().position(|known| known.number == number && known.bind == bind);
    let listener = match known {
        Some(position) => &mut listeners[position],
        None => {
            listeners.push(Listener::new(bind.to_owned(), number, bound.kind));
            listeners.last_mut().expect("one was added just now")
        }
    };
    // Exact comparison: a wildcard and a name under it are not the same (Istio `model/gateway.go`).
    let taken = || server_hosts(bound.server()).find_map(|name| listener.hosts.get(name).copied());
    let in_the_way = match listener.kind.shares_with(bound.kind) || listener.servers.is_empty() {
        false => Some(0),
        true if bound.kind.is_tls() => taken(),
        true => None,
    };
    match in_the_way {
        Some(winner) => listener.left_out.push((bound, winner)),
        None => {
            let position = listener.servers.len();
            listener.hosts.extend(server_hosts(bound.server()).map(|name| (name.to_owned(), position)));
            listener.servers.push(bound);
        }
    }
}

impl Listener {
    fn new(bind: String, number: u16, kind: Kind) -> Listener {
        let (hosts, chains) = (BTreeMap::new(), OnceCell::new());
        Listener { bind, number, kind, servers: Vec::new(), left_out: Vec::new(), hosts, chains }
    }
}

/// The target port behind each declared one: that of the oldest service of this pod which has it.
fn listened_ports(snapshot: &MeshSnapshot, workload: &Workload) -> BTreeMap<u16, u16> {
    let mut ports = BTreeMap::new();
    for (service, index, target) in snapshot.services_of(workload) {
        ports.entry(service.ports[index].number).or_insert(target);
    }
    ports
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
    labels: &BTreeMap<String, String>,
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
