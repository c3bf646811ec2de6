//! The filter chains of a gateway's TLS port, as far as server names go: which one takes an SNI, and where it leads.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cluster::{Cluster, GatewayProxy};
use super::listener::{Bound, Kind, Listener, sni_routes};
use crate::host;
use crate::resource::Resource;
use crate::resources::{RouteDestination, VirtualService};
use crate::snapshot::{Service, server_hosts};

/// All chains of a port, found by name.
pub(super) struct Chains {
    all: Vec<Chain>,
    /// Oldest first under each name.
    exact: BTreeMap<String, Vec<usize>>,
    /// The longest first, `*` last.
    wildcards: Vec<(String, usize)>,
}

impl Chains {
    pub fn of(cluster: &Cluster<'_>, proxy: &GatewayProxy, listener: &Listener) -> Chains {
        Chains::from(chains(cluster, proxy, listener))
    }

    fn from(all: Vec<Chain>) -> Chains {
        let mut exact: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut wildcards = Vec::new();
        for (number, chain) in all.iter().enumerate() {
            for name in &chain.names {
                match host::is_wildcard(name) {
                    true => wildcards.push((name.clone(), number)),
                    false => exact.entry(name.clone()).or_default().push(number),
                }
            }
        }
        wildcards.sort_by_key(|(name, number)| (std::cmp::Reverse(name.len()), *number));
        Chains { all, exact, wildcards }
    }

    /// Where the SNI leads: by the name itself, else by the longest wildcard (Envoy's FilterChainMatch). Of two chains that fit alike the
    /// older one has the name.
    pub fn find(&self, sni: &str, has_alpn: bool) -> Option<&LeadsTo> {
        let exact = self.exact.get(sni).into_iter().flatten();
        let covers = |name: &str| name == "*" || host::is_subset(sni, name);
        let wild = self.wildcards.iter().filter(|(name, _)| covers(name)).map(|(_, number)| number);
        let mut fitting = exact.chain(wild).map(|number| &self.all[*number].leads_to);
        fitting.find(|leads_to| has_alpn || !matches!(leads_to, LeadsTo::Service(..)))
    }

    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.all.iter().flat_map(|chain| &chain.names)
    }
}

/// One filter chain.
struct Chain {
    names: Vec<String>,
    leads_to: LeadsTo,
}

/// What becomes of a connection that a chain takes.
pub(super) enum LeadsTo {
    Route {
        resource: Arc<Resource<VirtualService>>,
        field: String,
        destinations: Vec<RouteDestination>,
        called: u16,
    },
    /// AUTO_PASSTHROUGH: straight to a service's port; only for clients with Istio's ALPN.
    Service(Arc<Service>, usize),
    /// TLS ends at the gateway; what comes after is another connection.
    Unknown,
}

fn chains(cluster: &Cluster<'_>, proxy: &GatewayProxy, listener: &Listener) -> Vec<Chain> {
    let mut chains = Vec::new();
    for bound in &listener.servers {
        match bound.kind {
            Kind::Passthrough => {
                chains.extend(sni_routes(cluster.snapshot, &proxy.workload, bound).into_iter().map(
                    |route| Chain {
                        names: route.names,
                        leads_to: LeadsTo::Route {
                            resource: route.resource,
                            field: route.field,
                            destinations: route.destinations,
                            called: bound.declared,
                        },
                    },
                ));
            }
            Kind::AutoPassthrough => chains.extend(by_sni_of_services(cluster, proxy, bound)),
            Kind::Terminates => {
                let names = server_hosts(bound.server()).map(str::to_owned).collect();
                chains.push(Chain { names, leads_to: LeadsTo::Unknown });
            }
            Kind::Http | Kind::Tcp => {}
        }
    }
    chains
}

/// `outbound_.PORT_.SUBSET_.HOST` for every port of the services that the server exposes; subsets have names of their own.
fn by_sni_of_services(cluster: &Cluster<'_>, proxy: &GatewayProxy, bound: &Bound) -> Vec<Chain> {
    let exposed = |service: &&Arc<Service>| {
        !service.mesh_external
            && server_hosts(bound.server()).any(|name| host::is_subset(&service.host, name))
    };
    let mut chains = Vec::new();
    for service in cluster.snapshot.services_visible_to(&proxy.workload.namespace).filter(exposed) {
        let rule =
            cluster.snapshot.destination_rule_for(&proxy.workload.namespace, &proxy.workload.labels, service);
        let subsets = rule.iter().flat_map(|rule| &rule.subsets).map(|subset| subset.name.as_str());
        let subsets: Vec<&str> = subsets.chain([""]).collect();
        for (index, port) in service.ports.iter().enumerate() {
            let name = |subset: &&str| format!("outbound_.{}_.{subset}_.{}", port.number, service.host);
            let names = subsets.iter().map(name).collect();
            chains.push(Chain { names, leads_to: LeadsTo::Service(service.clone(), index) });
        }
    }
    chains
}

#[cfg(test)]
mod tests;
