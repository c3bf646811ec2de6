//! Which servers a gateway really has: selected Gateways, oldest first, merged by the port that is listened on
//! (`model/gateway.go`, `mergeGateways`). Who comes later and contradicts is left out.

use std::collections::BTreeSet;
use std::sync::Arc;

use carrick_model::resources::{Gateway, Server, ServerTlsMode};
use carrick_model::snapshot::server_hosts;
use carrick_model::{Protocol, Resource};

use crate::context::Context;
use crate::names::WILDCARD;
use crate::routes::Side;

/// One listener to be: an address, and the servers that share it.
pub struct GatewayPort {
    pub bind: String,
    /// The port that is listened on: the target port behind the one that the `Gateway` declares.
    pub number: u16,
    pub class: Class,
    pub servers: Vec<BoundServer>,
    /// Names that TLS servers have taken already.
    tls_hosts: BTreeSet<String>,
}

/// What can share a port: plain HTTP, TLS told apart by SNI, or one stream of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Http,
    Tls,
    Tcp,
}

/// What a server does with its connections (`pkg/config/gateway/gateway.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Http,
    /// TLS ends here and HTTP is inside.
    Https,
    /// TLS ends here and bytes are inside.
    TlsTerminated,
    /// TLS goes through, routed by VirtualServices.
    Passthrough,
    /// TLS goes through, to the service that the SNI spells out.
    AutoPassthrough,
    Tcp,
}

impl Kind {
    fn of(server: &Server, protocol: Protocol) -> Self {
        let Some(tls) = &server.tls else {
            return if protocol.is_http() { Kind::Http } else { Kind::Tcp };
        };
        match tls.mode {
            _ if protocol.is_http() => Kind::Http,
            ServerTlsMode::Passthrough => Kind::Passthrough,
            ServerTlsMode::AutoPassthrough => Kind::AutoPassthrough,
            _ if protocol == Protocol::Https => Kind::Https,
            _ => Kind::TlsTerminated,
        }
    }

    fn class(self) -> Class {
        match self {
            Kind::Http => Class::Http,
            Kind::Tcp => Class::Tcp,
            _ => Class::Tls,
        }
    }
}

/// A server and the `Gateway` that it is written in.
pub struct BoundServer {
    pub gateway: Arc<Resource<Gateway>>,
    index: usize,
    pub kind: Kind,
    /// The port that the `Gateway` declares.
    pub port: u16,
    pub port_name: String,
    /// `ns/name`, as VirtualServices name it.
    pub gateway_name: String,
}

impl BoundServer {
    pub fn server(&self) -> &Server {
        &self.gateway.spec.servers[self.index]
    }

    /// This server as VirtualServices see it.
    pub fn side<'a>(&'a self, context: &Context<'a>) -> Side<'a> {
        Side {
            gateway: &self.gateway_name,
            port: self.port,
            labels: &context.node.labels,
            namespace: &context.node.namespace,
        }
    }
}

pub fn ports(context: &Context<'_>) -> Vec<GatewayPort> {
    let mut ports: Vec<GatewayPort> = Vec::new();
    for gateway in context.snapshot.gateways_for(&context.node.labels) {
        for (index, server) in gateway.spec.servers.iter().enumerate() {
            let Some(declared) = &server.port else { continue };
            let protocol = Protocol::parse(&declared.protocol);
            if protocol == Protocol::Udp {
                continue;
            }
            let bound = BoundServer {
                kind: Kind::of(server, protocol),
                port: declared.number,
                port_name: declared.name.clone(),
                gateway_name: format!("{}/{}", gateway.meta.namespace, gateway.meta.name),
                gateway: gateway.clone(),
                index,
            };
            place(context, &mut ports, bound);
        }
    }
    ports.sort_by(|one, other| (one.number, &one.bind).cmp(&(other.number, &other.bind)));
    ports
}

/// Puts a server on its port, unless what is there already contradicts it.
fn place(context: &Context<'_>, ports: &mut Vec<GatewayPort>, bound: BoundServer) {
    let number = resolved(context, bound.port);
    let bind = match bound.server().bind.as_str() {
        "" => WILDCARD,
        bind => bind,
    };
    let class = bound.kind.class();
    let hosts: BTreeSet<String> = match class {
        Class::Tls => server_hosts(bound.server()).map(str::to_owned).collect(),
        _ => BTreeSet::new(),
    };
    match ports.iter_mut().find(|port| port.number == number && port.bind == bind) {
        None => ports.push(GatewayPort {
            bind: bind.to_owned(),
            number,
            class,
            servers: vec![bound],
            tls_hosts: hosts,
        }),
        Some(port) if port.class == class && port.tls_hosts.is_disjoint(&hosts) => {
            port.tls_hosts.extend(hosts);
            port.servers.push(bound);
        }
        Some(_) => {}
    }
}

/// The port behind a declared one: the target port of the oldest service of this pod that has it, else the port itself.
fn resolved(context: &Context<'_>, declared: u16) -> u16 {
    let Some(workload) = context.workload() else { return declared };
    let services = context.snapshot.services_of(workload);
    let behind = services.iter().find(|(service, index, _)| service.ports[*index].number == declared);
    behind.map_or(declared, |(_, _, target)| *target)
}
