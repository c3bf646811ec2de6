//! What Gateways make of a proxy: which of them configure it, which of their servers it has and
//! which not, and which routes of VirtualServices each server takes (Istio `model/gateway.go`,
//! `core/gateway.go`).
//!
//! The one reading of these rules: translation says in Envoy's words what is decided here, and
//! analysis tells the author what was left out. It must not know Envoy, nor what an author regrets.

mod credentials;
mod hosts;
mod index;
mod merge;
mod server;
mod sni;
mod tcp;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) use credentials::missing_credentials;
pub use hosts::{admits_namespace, bound_hosts, server_hosts};
pub(crate) use index::GatewayIndex;
pub use merge::{Conflict, GatewayListener, GatewayListeners, LeftOut};
pub use server::{GatewayServer, ListenerProtocol, ServerKind};
pub use sni::{SniClaim, SniTaken, SniTarget};
pub use tcp::TcpClaim;

use super::MeshSnapshot;
use super::workload::Workload;
use crate::resource::Resource;
use crate::resources::VirtualService;

/// A gateway proxy, as far as Gateways and VirtualServices look at it.
#[derive(Debug, Clone, Copy)]
pub struct GatewayProxy<'a> {
    pub namespace: &'a str,
    pub labels: &'a BTreeMap<String, String>,
    /// The pod that the proxy stands in, where it is known: its Services say which port is behind a
    /// declared one.
    pub workload: Option<&'a Workload>,
}

impl<'a> GatewayProxy<'a> {
    pub fn in_pod(workload: &'a Workload) -> GatewayProxy<'a> {
        GatewayProxy { namespace: &workload.namespace, labels: &workload.labels, workload: Some(workload) }
    }
}

impl MeshSnapshot {
    /// The addresses and ports on which a gateway proxy listens, with the servers of each, and the
    /// servers that it does not have.
    pub fn gateway_listeners(&self, proxy: GatewayProxy<'_>) -> GatewayListeners {
        let services = proxy.workload.map(|workload| self.services_of(workload)).unwrap_or_default();
        // The target port of the oldest Service of the pod that has the declared port, else that
        // port itself.
        let target = |declared: u16| {
            let behind = services.iter().find(|(service, index, _)| service.ports[*index].number == declared);
            behind.map_or(declared, |(_, _, target)| *target)
        };
        merge::merged(self.gateways_for(proxy.labels), target)
    }

    /// The VirtualServices that bind to a server, oldest first: exported to the proxy's namespace,
    /// naming the Gateway, and with a host that one of the server's overlaps with.
    pub fn virtual_services_at(
        &self,
        proxy: GatewayProxy<'_>,
        server: &GatewayServer,
    ) -> Vec<Arc<Resource<VirtualService>>> {
        let mut all = self.virtual_services_for_gateway(proxy.namespace, &server.gateway_name);
        all.retain(|one| !bound_hosts(server.server(), &one.meta.namespace, &one.spec.hosts).is_empty());
        all
    }
}
