//! Where a call goes, hop by hop, from the sidecar over gateways to a workload, and where it ends.
//! It must not judge.

use std::net::IpAddr;
use std::sync::Arc;

use super::View;
use super::call::{Call, Site};
use super::cluster::{Cluster, GatewayPod, Listener};
use super::run::{Decision, Hello, Hosts, named_upstream};
use carrick_model::host;
use carrick_model::resource::Meta;
use carrick_model::resources::Destination;
use carrick_model::snapshot::{Endpoint, EndpointAddress, ListenerProtocol, Service, SniClaim, SniTarget};

/// What clients of the mesh offer (Istio `pkg/util/alpn`).
const ISTIO_ALPN: &str = "istio";

/// A call that passes more gateways than this goes round.
const MAX_HOPS: usize = 8;

/// Where a call comes to.
pub(super) enum End {
    /// A workload. `exposed_by`: the gateway's route that let it in.
    Workload {
        cluster: usize,
        service: Arc<Service>,
        port: usize,
        endpoint: Endpoint,
        exposed_by: Option<Site>,
    },
    /// A gateway's port that speaks the other language: TLS where the call is plain text, or the
    /// other way round.
    OtherLanguage { cluster: usize, port: u16, gateway_is_tls: bool },
    /// A gateway that has no route for the SNI. `names` are those that it has.
    NoRoute { cluster: usize, port: u16, names: Vec<String> },
    /// A gateway that would take the SNI from a client with Istio's ALPN only (AUTO_PASSTHROUGH).
    NeedsAlpn { cluster: usize, port: u16 },
    /// Another cluster's ingress gateway, without a gateway of the own cluster before it.
    Direct { cluster: usize, site: Site },
    /// A gateway that does not listen there.
    Closed { cluster: usize, port: u16, open: Vec<u16> },
    /// An address of the network between clusters that is no cluster's ingress.
    Nobody { address: IpAddr, site: Site },
    /// A Service by name, on a port that it does not have.
    NoServicePort { host: String, port: u16, known: Vec<u16>, site: Site },
}

/// All ends of a call. What the files do not tell has none.
pub(super) fn follow(view: &View<'_>, call: &Call<'_>) -> Vec<End> {
    let mut walk = Walk { view, call, ends: Vec::new() };
    walk.reach_service(call.cluster, &call.client.namespace, (call.service, call.port), &call.hosts, None, 0);
    walk.ends
}

struct Walk<'w> {
    view: &'w View<'w>,
    call: &'w Call<'w>,
    ends: Vec<End>,
}

impl<'w> Walk<'w> {
    fn reach_service(
        &mut self,
        cluster: usize,
        namespace: &str,
        (service, port): (&Arc<Service>, usize),
        hosts: &Hosts,
        exposed_by: Option<&Site>,
        hops: usize,
    ) {
        let here = &self.view.clusters[cluster];
        for endpoint in service.endpoints_of(port).iter().filter(|endpoint| hosts.contains(endpoint)) {
            if let EndpointAddress::Host(name) = &endpoint.address
                && let Some(behind) = here.snapshot.visible_service(namespace, name)
                && behind.port(endpoint.port).is_none()
            {
                let known = behind.ports.iter().map(|port| port.number).collect();
                let site = endpoint_site(here, &service.meta, &endpoint.address);
                self.ends.push(End::NoServicePort {
                    host: behind.host.clone(),
                    port: endpoint.port,
                    known,
                    site,
                });
                continue;
            }
            for reached in here.reached_by(namespace, endpoint) {
                self.reach_address(cluster, service, port, &reached, exposed_by, hops);
            }
        }
    }

    fn reach_address(
        &mut self,
        cluster: usize,
        service: &Arc<Service>,
        port: usize,
        endpoint: &Endpoint,
        exposed_by: Option<&Site>,
        hops: usize,
    ) {
        let here = &self.view.clusters[cluster];
        let EndpointAddress::Ip(address) = endpoint.address else { return };
        if let Some(proxy) = here.gateway_at(endpoint) {
            self.reach_gateway(cluster, proxy, endpoint.port, hops);
        } else if here.workload_of(endpoint).is_some() {
            self.ends.push(End::Workload {
                cluster,
                service: service.clone(),
                port,
                endpoint: endpoint.clone(),
                exposed_by: exposed_by.cloned(),
            });
        } else if let Some((there, ingress)) = self.ingress_at(address) {
            if hops == 0 {
                let site = endpoint_site(here, &service.meta, &endpoint.address);
                self.ends.push(End::Direct { cluster: there, site });
            }
            if let Some(proxy) = ingress.ingress() {
                self.reach_gateway(there, proxy, endpoint.port, hops);
            }
        } else if self.view.federation.networks.internet.contains(address) {
            let site = endpoint_site(here, &service.meta, &endpoint.address);
            self.ends.push(End::Nobody { address, site });
        }
    }

    fn ingress_at(&self, address: IpAddr) -> Option<(usize, &'w Cluster<'w>)> {
        let view: &'w View<'w> = self.view;
        let mut all = view.clusters.iter().enumerate();
        all.find(|(_, cluster)| IpAddr::V4(cluster.written.runtime.ingress) == address)
    }

    fn reach_gateway(&mut self, cluster: usize, proxy: &'w GatewayPod, port: u16, hops: usize) {
        let here = &self.view.clusters[cluster];
        let Some(listener) = listening(here, proxy, port) else {
            let mut open: Vec<u16> = proxy.servers().map(|server| server.port).collect();
            open.sort_unstable();
            open.dedup();
            self.ends.push(End::Closed { cluster, port, open });
            return;
        };
        let (encrypted, is_tls) = (self.call.mode().is_some(), listener.is_tls());
        if encrypted != is_tls {
            // A plain TCP server passes TLS on as it passes anything on.
            if listener.port.protocol != ListenerProtocol::Tcp {
                self.ends.push(End::OtherLanguage { cluster, port, gateway_is_tls: is_tls });
            }
            return;
        }
        if is_tls && hops < MAX_HOPS {
            self.by_sni(cluster, proxy, listener, port, hops);
        }
    }

    /// The gateway's proxy decides, by what the client says first.
    fn by_sni(
        &mut self,
        cluster: usize,
        proxy: &'w GatewayPod,
        listener: &'w Listener,
        port: u16,
        hops: usize,
    ) {
        let here = &self.view.clusters[cluster];
        let running = proxy.running(here.snapshot);
        let hello = &self.call.hello;
        let accept = |hello: &Hello| running.accept_tls(listener.port.port, hello);
        match accept(hello) {
            Decision::Refused => {
                let of_mesh = Hello { alpn: vec![ISTIO_ALPN.to_owned()], ..hello.clone() };
                self.ends.push(match accept(&of_mesh) {
                    Decision::Refused => {
                        End::NoRoute { cluster, port, names: listener.names().cloned().collect() }
                    }
                    Decision::Ended | Decision::PassedOn { .. } => End::NeedsAlpn { cluster, port },
                });
            }
            // What comes after is another connection.
            Decision::Ended => {}
            Decision::PassedOn { rule, clusters } => {
                for upstream in clusters {
                    let site = rule.as_deref().and_then(|rule| route_site(listener, hello, rule, &upstream));
                    self.reach_upstream(cluster, proxy, &upstream, site.as_ref(), hops);
                }
            }
        }
    }

    fn reach_upstream(
        &mut self,
        cluster: usize,
        proxy: &'w GatewayPod,
        upstream: &str,
        site: Option<&Site>,
        hops: usize,
    ) {
        let here = &self.view.clusters[cluster];
        let namespace = &proxy.workload.namespace;
        let Some((port, _, host)) = named_upstream(upstream) else { return };
        let Some(service) = here.service(namespace, host) else { return };
        let Some((index, _)) = service.port(port) else { return };
        let hosts = proxy.running(here.snapshot).hosts(upstream);
        self.reach_service(cluster, namespace, (service, index), &hosts, site, hops + 1);
    }
}

/// The destination of a TLS route that a chain was made of: the rule says which VirtualService, the
/// names and the upstream where in it.
fn route_site(listener: &Listener, hello: &Hello, rule: &str, upstream: &str) -> Option<Site> {
    let (port, subset, host) = named_upstream(upstream)?;
    let leads_there = |to: &Destination| {
        to.host == host && to.subset == subset && to.port.is_none_or(|named| named.number == port)
    };
    let takes = |claim: &&SniClaim| {
        let name = hello.server_name.as_str();
        claim.taken.is_none() && claim.names.iter().any(|wide| wide == "*" || host::is_subset(name, wide))
    };
    listener.claims.iter().filter(takes).find_map(|claim| {
        let SniTarget::Route { resource, route, .. } = &claim.target else { return None };
        let (_, destinations) = claim.target.route().filter(|_| resource.meta.config_path() == rule)?;
        let number = destinations.iter().position(|to| to.destination.as_ref().is_some_and(leads_there))?;
        let field = format!("spec.tls[{route}].route[{number}].destination");
        Some(Site { meta: resource.meta.clone(), field })
    })
}

/// The listener behind a port, called directly or as a port of the gateway's Service.
fn listening<'a>(cluster: &Cluster<'_>, proxy: &'a GatewayPod, port: u16) -> Option<&'a Listener> {
    let services = cluster.snapshot.services_of(&proxy.workload);
    let target = services.iter().find(|(service, index, _)| service.ports[*index].number == port);
    let behind = target.map(|(_, _, target)| *target);
    let with_routes = |listener: &&Listener| listener.port.port == port || Some(listener.port.port) == behind;
    proxy.listeners.iter().find(with_routes)
}

/// Where an endpoint of a ServiceEntry is written.
fn endpoint_site(cluster: &Cluster<'_>, meta: &Meta, address: &EndpointAddress) -> Site {
    let mut all = cluster.snapshot.service_entries().iter();
    let entry = all.find(|one| one.meta.resource_name() == meta.resource_name());
    let written = |text: &str| host::canonical(text) == address.to_string();
    let position = entry.and_then(|one| one.spec.endpoints.iter().position(|e| written(&e.address)));
    let field = match position {
        Some(number) => format!("spec.endpoints[{number}].address"),
        None => "spec.hosts[0]".to_owned(),
    };
    Site { meta: meta.clone(), field }
}
