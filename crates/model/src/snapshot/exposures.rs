//! What a mesh lets outsiders reach without opening their TLS: by which SNIs the routes of
//! PASSTHROUGH servers lead to which ports of which pods; and which services lead out of the mesh
//! again.
//!
//! It must not know what a pod asks of those who come so.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::gateways::{GatewayIndex, bound_hosts};
use super::services::ServiceIndex;
use super::virtual_services::VirtualServiceIndex;
use crate::resource::Resource;
use crate::resources::{Destination, Gateway, Server, ServerTlsMode, VirtualService};
use crate::snapshot::{Endpoint, EndpointAddress, Resolution, Service, ServiceKind};

/// How many services may lead to one another before the last is reached. An export has two: a
/// ServiceEntry, and the Service whose address stands in it.
const MAX_STEPS: usize = 4;

/// By address and port of a pod, the SNIs by which outsiders reach it; `*` for any.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Exposures {
    names: BTreeMap<(IpAddr, u16), BTreeSet<String>>,
    by_address: ByAddress,
}

/// Kubernetes' Services by their own addresses, at which a node leads to their endpoints.
pub(super) type ByAddress = BTreeMap<IpAddr, Vec<Arc<Service>>>;

impl Exposures {
    /// Whatever proxy a Gateway selects: who could come counts, not who comes today.
    pub(super) fn build(
        gateways: &GatewayIndex,
        rules: &VirtualServiceIndex,
        services: &ServiceIndex,
    ) -> Exposures {
        let mut exposures = Exposures::default();
        let by_address = by_address(services);
        let places = Places { services, by_address: &by_address };
        for gateway in gateways.all() {
            let name = format!("{}/{}", gateway.meta.namespace, gateway.meta.name);
            let servers: Vec<&Server> = passthrough(gateway).collect();
            if servers.is_empty() {
                continue;
            }
            for resource in rules.naming(&name) {
                for server in &servers {
                    exposures.add(server, &name, resource, &places);
                }
            }
        }
        Exposures { by_address, ..exposures }
    }

    /// The services that these were built from, to be followed.
    pub(super) fn places<'a>(&'a self, services: &'a ServiceIndex) -> Places<'a> {
        Places { services, by_address: &self.by_address }
    }

    /// The exposed ports of a pod with these addresses.
    pub(super) fn of(&self, addresses: &[IpAddr]) -> BTreeMap<u16, BTreeSet<String>> {
        let mut ports: BTreeMap<u16, BTreeSet<String>> = BTreeMap::new();
        for address in addresses {
            for ((_, port), names) in self.names.range((*address, 0)..=(*address, u16::MAX)) {
                ports.entry(*port).or_default().extend(names.iter().cloned());
            }
        }
        ports
    }

    fn add(
        &mut self,
        server: &Server,
        gateway: &String,
        resource: &Resource<VirtualService>,
        places: &Places<'_>,
    ) {
        if bound_hosts(server, &resource.meta.namespace, &resource.spec.hosts).is_empty() {
            return;
        }
        let declared = server.port.as_ref().map_or(0, |port| port.number);
        for route in &resource.spec.tls {
            let matches = route.matches.iter().filter(|wanted| {
                wanted.port.is_none_or(|port| port == declared)
                    && (wanted.gateways.is_empty() || wanted.gateways.contains(gateway))
            });
            let names: Vec<&String> = matches.flat_map(|wanted| &wanted.sni_hosts).collect();
            if names.is_empty() {
                continue;
            }
            for destination in route.route.iter().filter_map(|to| to.destination.as_ref()) {
                for endpoint in places.behind(destination, declared) {
                    let EndpointAddress::Ip(ip) = endpoint.address else { continue };
                    let known = self.names.entry((ip, endpoint.port)).or_default();
                    known.extend(names.iter().copied().cloned());
                }
            }
        }
    }
}

fn passthrough(gateway: &Resource<Gateway>) -> impl Iterator<Item = &Server> {
    let is_passthrough =
        |server: &&Server| server.tls.as_ref().is_some_and(|tls| tls.mode == ServerTlsMode::Passthrough);
    gateway.spec.servers.iter().filter(is_passthrough)
}

fn by_address(services: &ServiceIndex) -> ByAddress {
    let mut by_address = ByAddress::new();
    for service in services.all().iter().filter(|service| service.kind == ServiceKind::Kubernetes) {
        service.ips().for_each(|ip| by_address.entry(ip).or_default().push(service.clone()));
    }
    by_address
}

/// Services, to be found by what leads to them.
pub(super) struct Places<'a> {
    services: &'a ServiceIndex,
    by_address: &'a ByAddress,
}

impl<'a> Places<'a> {
    /// The endpoints at which a route's connections end. Whoever sees the destination, and
    /// whichever subset is meant.
    fn behind(&self, destination: &Destination, declared: u16) -> Vec<&'a Endpoint> {
        let mut found = Vec::new();
        for service in self.services.of_host(&destination.host) {
            let port = match (destination.port, service.ports.as_slice()) {
                (Some(port), _) => port.number,
                (None, [only]) => only.number,
                (None, _) => declared,
            };
            self.follow(service, port, MAX_STEPS, &mut found);
        }
        found
    }

    /// Adds what a port of a service ends at: addresses and names of other services are followed.
    fn follow(&self, service: &'a Service, port: u16, steps: usize, found: &mut Vec<&'a Endpoint>) {
        let Some(steps) = steps.checked_sub(1) else { return };
        if let Resolution::Alias(target) = &service.resolution {
            self.services.of_host(target).for_each(|next| self.follow(next, port, steps, found));
            return;
        }
        let Some((index, _)) = service.port(port) else { return };
        for endpoint in service.endpoints_of(index) {
            let next: Vec<&'a Arc<Service>> = match &endpoint.address {
                EndpointAddress::Ip(ip) => self.by_address.get(ip).into_iter().flatten().collect(),
                EndpointAddress::Host(name) => self.services.of_host(name).collect(),
                EndpointAddress::Unix(_) => Vec::new(),
            };
            match next.is_empty() {
                true => found.push(endpoint),
                false => next.into_iter().for_each(|next| self.follow(next, endpoint.port, steps, found)),
            }
        }
    }

    /// The endpoints at which calls of a service's port end.
    pub(super) fn behind_port(&self, service: &'a Service, port: u16) -> Vec<&'a Endpoint> {
        let mut found = Vec::new();
        self.follow(service, port, MAX_STEPS, &mut found);
        found
    }

    /// The same for all ports.
    pub(super) fn all_behind(&self, service: &'a Service) -> Vec<&'a Endpoint> {
        let mut found = Vec::new();
        service.ports.iter().for_each(|port| self.follow(service, port.number, MAX_STEPS, &mut found));
        found
    }
}
