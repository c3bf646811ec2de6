//! The server names of a gateway's TLS port: who takes which, in what order, and who comes too late
//! (Istio `core/gateway.go`, `buildGatewayTCPFilterChainOpts`, `builtAutoPassthroughFilterChains`).

use std::collections::HashMap;
use std::sync::Arc;

use super::GatewayProxy;
use super::credentials::missing_credentials;
use super::hosts::server_hosts;
use super::merge::GatewayListener;
use super::server::{GatewayServer, ServerKind};
use crate::host;
use crate::resource::Resource;
use crate::resources::{RouteDestination, TlsMatchAttributes, VirtualService};
use crate::snapshot::MeshSnapshot;
use crate::snapshot::protocol::Protocol;
use crate::snapshot::service::{Service, sni_key};

/// Names that one server, or one match of a route at it, takes.
#[derive(Debug, Clone, PartialEq)]
pub struct SniClaim {
    /// The server's place among those of the port.
    pub server: usize,
    /// Exact names and `*.suffix`; `*` is any.
    pub names: Vec<String>,
    pub target: SniTarget,
    /// The claim is void: an older one has one of its names.
    pub taken: Option<SniTaken>,
}

/// What becomes of a connection that asks for one of the names.
#[derive(Debug, Clone, PartialEq)]
pub enum SniTarget {
    /// TLS ends at the gateway.
    Terminated,
    /// `spec.tls[route].match[alternative]` of a VirtualService.
    Route { resource: Arc<Resource<VirtualService>>, route: usize, alternative: usize },
    /// AUTO_PASSTHROUGH: straight to a service's port (its index), only for clients with Istio's
    /// ALPN.
    Service { service: Arc<Service>, port: usize, subset: String },
}

/// Who has a name already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SniTaken {
    pub name: String,
    /// The older claim's place among the claims of the port.
    pub by: usize,
}

impl SniTarget {
    /// The match of the route that claims, and the route's destinations.
    pub fn route(&self) -> Option<(&TlsMatchAttributes, &[RouteDestination])> {
        let SniTarget::Route { resource, route, alternative } = self else { return None };
        let route = resource.spec.tls.get(*route)?;
        Some((route.matches.get(*alternative)?, &route.route))
    }
}

impl MeshSnapshot {
    /// Every claim to names of a TLS port, in the order in which names are taken: server by server,
    /// and at each the routes of the oldest VirtualService first. A match that asks for one taken
    /// name is void with all of its names. Servers without their certificate claim nothing.
    pub fn sni_claims(&self, proxy: GatewayProxy<'_>, listener: &GatewayListener) -> Vec<SniClaim> {
        let mut claims = Claims::default();
        for (place, server) in listener.servers.iter().enumerate() {
            match server.kind {
                ServerKind::Https | ServerKind::TlsTerminated => {
                    if self.has_credentials(proxy, server) {
                        let names = server_hosts(server.server()).map(str::to_owned).collect();
                        claims.add(place, names, SniTarget::Terminated);
                    }
                }
                ServerKind::Passthrough => self.claim_for_routes(proxy, place, server, &mut claims),
                ServerKind::AutoPassthrough => self.claim_for_services(proxy, place, server, &mut claims),
                ServerKind::Http | ServerKind::Tcp => {}
            }
        }
        claims.all
    }

    fn has_credentials(&self, proxy: GatewayProxy<'_>, server: &GatewayServer) -> bool {
        let secret = |name: &str| self.secret(proxy.namespace, name);
        server.server().tls.as_ref().is_none_or(|tls| missing_credentials(tls, secret).is_empty())
    }

    fn claim_for_routes(
        &self,
        proxy: GatewayProxy<'_>,
        place: usize,
        server: &GatewayServer,
        claims: &mut Claims,
    ) {
        let context = server.match_context(proxy);
        for resource in self.virtual_services_at(proxy, server) {
            for (route, written) in resource.spec.tls.iter().enumerate() {
                let matches = written.matches.iter().enumerate();
                for (alternative, wanted) in matches.filter(|(_, wanted)| context.admits_tls(wanted)) {
                    let target = SniTarget::Route { resource: resource.clone(), route, alternative };
                    claims.add(place, wanted.sni_hosts.clone(), target);
                }
            }
        }
    }

    /// `outbound_.PORT_.SUBSET_.HOST` for every port and subset of the services of the mesh that
    /// the server exposes.
    fn claim_for_services(
        &self,
        proxy: GatewayProxy<'_>,
        place: usize,
        server: &GatewayServer,
        claims: &mut Claims,
    ) {
        let exposed = |service: &&Arc<Service>| {
            // Nobody is passed through to another cluster: what leads out again is not exposed,
            // though Istio would.
            !service.mesh_external
                && !self.leads_out(service)
                && server_hosts(server.server()).any(|wide| host::is_subset(&service.host, wide))
        };
        for service in self.services_visible_to(proxy.namespace).filter(exposed) {
            let rule = self.destination_rule_for(proxy.namespace, proxy.labels, service);
            let subsets = rule.iter().flat_map(|rule| &rule.subsets).map(|subset| subset.name.as_str());
            let subsets: Vec<&str> = std::iter::once("").chain(subsets).collect();
            let ports = service.ports.iter().enumerate();
            for (port, written) in ports.filter(|(_, port)| port.protocol != Protocol::Udp) {
                for subset in &subsets {
                    let name = sni_key(written.number, subset, &service.host);
                    let (service, subset) = (service.clone(), (*subset).to_owned());
                    claims.add(place, vec![name], SniTarget::Service { service, port, subset });
                }
            }
        }
    }
}

/// Names are taken in the order in which they are claimed.
#[derive(Default)]
struct Claims {
    all: Vec<SniClaim>,
    owners: HashMap<String, usize>,
}

impl Claims {
    fn add(&mut self, server: usize, names: Vec<String>, target: SniTarget) {
        let taken = names.iter().find_map(|name| {
            let by = *self.owners.get(name)?;
            Some(SniTaken { name: name.clone(), by })
        });
        if taken.is_none() {
            self.owners.extend(names.iter().map(|name| (name.clone(), self.all.len())));
        }
        self.all.push(SniClaim { server, names, target, taken });
    }
}
