//! One server of a Gateway: what it does with its connections, and what can stand beside it on a
//! port (Istio `pkg/config/gateway/gateway.go`).

use std::sync::Arc;

use super::GatewayProxy;
use crate::resource::Resource;
use crate::resources::{Gateway, Server, ServerTlsMode};
use crate::snapshot::protocol::Protocol;
use crate::snapshot::route_match::MatchContext;

/// What a server does with its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerKind {
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

/// What can share a port: plain HTTP, TLS of which SNI tells one from the other, or one stream of
/// bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenerProtocol {
    Http,
    Tls,
    Tcp,
}

impl ServerKind {
    pub fn from_server(server: &Server) -> ServerKind {
        let protocol = Protocol::parse(server.port.as_ref().map_or("", |port| port.protocol.as_str()));
        match &server.tls {
            _ if protocol.is_http() => ServerKind::Http,
            None => ServerKind::Tcp,
            Some(tls) => match tls.mode {
                ServerTlsMode::Passthrough => ServerKind::Passthrough,
                ServerTlsMode::AutoPassthrough => ServerKind::AutoPassthrough,
                _ if protocol == Protocol::Https => ServerKind::Https,
                _ => ServerKind::TlsTerminated,
            },
        }
    }

    pub fn protocol(self) -> ListenerProtocol {
        match self {
            ServerKind::Http => ListenerProtocol::Http,
            ServerKind::Tcp => ListenerProtocol::Tcp,
            ServerKind::Https
            | ServerKind::TlsTerminated
            | ServerKind::Passthrough
            | ServerKind::AutoPassthrough => ListenerProtocol::Tls,
        }
    }

    /// The field of a VirtualService with the routes that such a server looks at; `None` where it
    /// asks no VirtualService.
    pub fn routes_field(self) -> Option<&'static str> {
        match self {
            ServerKind::Http | ServerKind::Https => Some("http"),
            ServerKind::TlsTerminated | ServerKind::Tcp => Some("tcp"),
            ServerKind::Passthrough => Some("tls"),
            ServerKind::AutoPassthrough => None,
        }
    }
}

/// A server, and the Gateway in which it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct GatewayServer {
    pub gateway: Arc<Resource<Gateway>>,
    /// Its place among the Gateway's servers.
    pub index: usize,
    pub kind: ServerKind,
    /// The port that the Gateway declares; VirtualServices compare with it.
    pub port: u16,
    pub port_name: String,
    /// `ns/name`, as VirtualServices name the Gateway.
    pub gateway_name: String,
}

impl GatewayServer {
    /// `None` for a server without a port, which validation refuses.
    pub(super) fn new(gateway: &Arc<Resource<Gateway>>, index: usize) -> Option<GatewayServer> {
        let server = gateway.spec.servers.get(index)?;
        let port = server.port.as_ref()?;
        Some(GatewayServer {
            gateway: gateway.clone(),
            index,
            kind: ServerKind::from_server(server),
            port: port.number,
            port_name: port.name.clone(),
            gateway_name: format!("{}/{}", gateway.meta.namespace, gateway.meta.name),
        })
    }

    pub fn server(&self) -> &Server {
        &self.gateway.spec.servers[self.index]
    }

    /// The path of a field of this server in its Gateway.
    pub fn field(&self, of_server: &str) -> String {
        format!("spec.servers[{}].{of_server}", self.index)
    }

    /// This server as the conditions of VirtualServices see it.
    pub fn match_context<'a>(&'a self, proxy: GatewayProxy<'a>) -> MatchContext<'a> {
        MatchContext {
            gateway: &self.gateway_name,
            port: self.port,
            labels: proxy.labels,
            namespace: proxy.namespace,
        }
    }
}
