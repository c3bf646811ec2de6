//! Which servers a gateway proxy really has: those of its Gateways, oldest first, merged by the
//! address and port that is listened on (Istio `model/gateway.go`, `mergeGateways`). Who comes
//! later and contradicts is left out, and it is remembered why.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::hosts::server_hosts;
use super::server::{GatewayServer, ListenerProtocol};
use crate::resource::Resource;
use crate::resources::Gateway;

/// The address that stands for "any": where a server names none.
const ANY_ADDRESS: &str = "0.0.0.0";

/// What a gateway proxy listens on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GatewayListeners {
    /// By port and address.
    pub listeners: Vec<GatewayListener>,
    /// Servers that the proxy does not have.
    pub left_out: Vec<LeftOut>,
}

/// An address and port, and the servers that share it.
#[derive(Debug, Clone, PartialEq)]
pub struct GatewayListener {
    pub bind: String,
    /// The port that is listened on: the target port behind the one that the Gateway declares.
    pub port: u16,
    pub protocol: ListenerProtocol,
    /// Oldest first.
    pub servers: Vec<GatewayServer>,
}

/// A server that found its port taken.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftOut {
    pub server: GatewayServer,
    /// The older server that is in its way.
    pub by: GatewayServer,
    pub conflict: Conflict,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// The port speaks another protocol, or is one TCP stream already.
    Protocol,
    /// Both servers are TLS and list this host.
    Host(String),
}

/// `gateways` come oldest first; `target` tells the port that is listened on for one that a server
/// declares.
pub(super) fn merged(gateways: Vec<Arc<Resource<Gateway>>>, target: impl Fn(u16) -> u16) -> GatewayListeners {
    let mut ports: BTreeMap<(u16, String), Vec<GatewayServer>> = BTreeMap::new();
    let mut left_out = Vec::new();
    for gateway in &gateways {
        for server in (0..gateway.spec.servers.len()).filter_map(|index| GatewayServer::new(gateway, index)) {
            let bind = match server.server().bind.as_str() {
                "" => ANY_ADDRESS,
                written => written,
            };
            let present = ports.entry((target(server.port), bind.to_owned())).or_default();
            match conflict(present, &server) {
                None => present.push(server),
                Some((by, conflict)) => left_out.push(LeftOut { server, by, conflict }),
            }
        }
    }
    let listener = |((port, bind), servers): ((u16, String), Vec<GatewayServer>)| {
        let protocol = servers.first()?.kind.protocol();
        Some(GatewayListener { bind, port, protocol, servers })
    };
    GatewayListeners { listeners: ports.into_iter().filter_map(listener).collect(), left_out }
}

/// The server in a newcomer's way, and why it is.
fn conflict(present: &[GatewayServer], new: &GatewayServer) -> Option<(GatewayServer, Conflict)> {
    let oldest = present.first()?;
    let protocol = oldest.kind.protocol();
    if protocol != new.kind.protocol() || protocol == ListenerProtocol::Tcp {
        return Some((oldest.clone(), Conflict::Protocol));
    }
    if protocol != ListenerProtocol::Tls {
        return None;
    }
    // An exact comparison: a wildcard and a name under it are not the same (Istio
    // `model/gateway.go`, `CheckDuplicates`).
    present.iter().find_map(|older| {
        let shared =
            server_hosts(new.server()).find(|host| server_hosts(older.server()).any(|own| own == *host))?;
        Some((older.clone(), Conflict::Host(shared.to_owned())))
    })
}
