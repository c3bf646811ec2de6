//! The TCP routes of a server that looks no further than TLS: the first one takes every connection
//! (Istio `core/gateway.go`, `buildGatewayNetworkFiltersFromTCPRoutes`).

use std::sync::Arc;

use super::GatewayProxy;
use super::server::GatewayServer;
use crate::resource::Resource;
use crate::resources::{TcpRoute, VirtualService};
use crate::snapshot::MeshSnapshot;

/// A TCP route that holds at a server.
#[derive(Debug, Clone, PartialEq)]
pub struct TcpClaim {
    pub resource: Arc<Resource<VirtualService>>,
    /// Its place in `spec.tcp`.
    pub index: usize,
}

impl TcpClaim {
    pub fn route(&self) -> &TcpRoute {
        &self.resource.spec.tcp[self.index]
    }
}

impl MeshSnapshot {
    /// The TCP routes that hold at a server, those of the oldest VirtualService first. Bytes do not
    /// say what they want, so the first has them all.
    pub fn tcp_claims(&self, proxy: GatewayProxy<'_>, server: &GatewayServer) -> Vec<TcpClaim> {
        let context = server.match_context(proxy);
        let holds = |route: &TcpRoute| {
            route.matches.is_empty() || route.matches.iter().any(|wanted| context.admits_tcp(wanted))
        };
        let mut claims = Vec::new();
        for resource in self.virtual_services_at(proxy, server) {
            let holding = (0..resource.spec.tcp.len()).filter(|index| holds(&resource.spec.tcp[*index]));
            claims.extend(holding.map(|index| TcpClaim { resource: resource.clone(), index }));
        }
        claims
    }
}
