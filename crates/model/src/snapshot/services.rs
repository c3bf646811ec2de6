//! The index of services, by host and by who serves them.

mod endpoints;
mod entry;
mod kubernetes;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::inventory::Inventory;
use super::service::{EndpointAddress, Resolution, Service, ServiceKind};
use super::workload::Workload;
use super::workloads::WorkloadIndex;
use crate::addresses::{AddressTable, Allocation, RangeExhausted};
use crate::cidr::Cidr;
use crate::diagnostic::{Diagnostic, Severity, codes};
use crate::host::{self, HostSet};
use crate::mesh::MeshSettings;
use crate::resource::{Meta, ResourceName};

/// An endpoint's place: the service, the port's index, the port that the endpoint listens on.
type Served = (usize, usize, u16);

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ServiceIndex {
    all: Vec<Arc<Service>>,
    by_host: BTreeMap<String, Vec<usize>>,
    by_server: BTreeMap<(String, IpAddr), Vec<Served>>,
}

impl ServiceIndex {
    pub(crate) fn build(
        inventory: &Inventory,
        workloads: &WorkloadIndex,
        settings: &MeshSettings,
        table: &mut AddressTable,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> ServiceIndex {
        let mut services: Vec<Service> = inventory
            .services
            .iter()
            .map(|service| kubernetes::service(service, inventory, workloads, settings))
            .collect();
        for resource in &inventory.service_entries {
            services.extend(entry::services(resource, workloads, inventory, settings));
        }
        let mut services = without_shadowed(services, diagnostics);
        give_addresses(&mut services, settings, table, diagnostics);
        // Kubernetes' come first within one age, so that the first of a host is the one that
        // counts.
        services.sort_by_cached_key(|s| (s.meta.age(), s.host.clone(), s.kind == ServiceKind::Entry));
        ServiceIndex::from_services(services)
    }

    fn from_services(services: Vec<Service>) -> ServiceIndex {
        let mut index = ServiceIndex::default();
        for (position, service) in services.into_iter().enumerate() {
            index.by_host.entry(service.host.clone()).or_default().push(position);
            for (port, endpoints) in service.endpoints.iter().enumerate() {
                for endpoint in endpoints {
                    if let EndpointAddress::Ip(ip) = endpoint.address {
                        let server = (service.namespace.clone(), ip);
                        index.by_server.entry(server).or_default().push((position, port, endpoint.port));
                    }
                }
            }
            index.all.push(Arc::new(service));
        }
        index
    }

    pub(crate) fn all(&self) -> &[Arc<Service>] {
        &self.all
    }

    /// All services of a host, in different namespaces, oldest first.
    pub(crate) fn of_host(&self, host: &str) -> impl Iterator<Item = &Arc<Service>> {
        self.by_host.get(host).into_iter().flatten().map(|position| &self.all[*position])
    }

    /// The service that stands for `host`: the oldest of that name, else that of the narrowest
    /// wildcard.
    pub(crate) fn covering(&self, host: &str) -> Option<&Arc<Service>> {
        host::covering(host).find_map(|host| self.of_host(&host).next())
    }

    /// All hosts, for questions about wildcards.
    pub(crate) fn hosts(&self) -> HostSet {
        self.by_host.keys().map(String::as_str).collect()
    }

    /// The service that a client in `namespace` means by `host`: its own namespace's, else a
    /// Kubernetes one, else the oldest that it sees.
    pub(crate) fn visible(&self, namespace: &str, host: &str) -> Option<&Arc<Service>> {
        let seen = self.of_host(host).filter(|service| service.is_visible_to(namespace));
        seen.min_by_key(|service| (service.namespace != namespace, service.kind == ServiceKind::Entry))
    }

    /// What the workload serves: service, port index, port of the workload. Same namespace only.
    pub(crate) fn served_by(&self, workload: &Workload) -> Vec<(Arc<Service>, usize, u16)> {
        let places =
            workload.addresses.iter().flat_map(|ip| self.by_server.get(&(workload.namespace.clone(), *ip)));
        let mut served: Vec<Served> = places.flatten().copied().collect();
        served.sort_unstable();
        served.dedup();
        served.into_iter().map(|(service, port, target)| (self.all[service].clone(), port, target)).collect()
    }
}

/// Within one namespace a host has one service: Kubernetes' before a ServiceEntry's, then the
/// oldest.
fn without_shadowed(services: Vec<Service>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Service> {
    let mut kept: Vec<Service> = Vec::new();
    let mut owners: BTreeMap<(String, String), usize> = BTreeMap::new();
    for service in services {
        match owners.get(&(service.namespace.clone(), service.host.clone())).map(|position| &kept[*position])
        {
            Some(winner) => diagnostics.push(Diagnostic {
                code: codes::SHADOWED,
                severity: Severity::Warning,
                location: service.meta.locate("spec.hosts"),
                resource: Some(service.meta.resource_name()),
                field: "spec.hosts".to_owned(),
                reason: format!(
                    "{} already declares the host `{}` in this namespace ({}), and it wins",
                    winner.meta.resource_name(),
                    service.host,
                    winner.meta.source
                ),
                help: "remove the host from one of the two".to_owned(),
            }),
            None => {
                owners.insert((service.namespace.clone(), service.host.clone()), kept.len());
                kept.push(service);
            }
        }
    }
    kept
}

/// Addresses for services that have none: cluster IPs for Kubernetes', VIPs for ServiceEntries'.
fn give_addresses(
    services: &mut [Service],
    settings: &MeshSettings,
    table: &mut AddressTable,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let explicit = services.iter().flat_map(Service::ips);
    let reserved = explicit.filter_map(|ip| if let IpAddr::V4(ip) = ip { Some(ip) } else { None }).collect();
    let present = services.iter().map(|service| service.host.clone()).collect();
    let mut allocation = Allocation::new(table, &reserved, present);
    let mut of_kubernetes: BTreeMap<String, Vec<Cidr>> = BTreeMap::new();
    let mut without: BTreeMap<(ResourceName, Cidr), Unaddressed> = BTreeMap::new();
    for service in services.iter_mut().filter(|service| needs_address(service, settings)) {
        // One host in two registries has one address, or it would move between the two ranges.
        if let Some(addresses) = of_kubernetes.get(&service.host) {
            service.addresses.clone_from(addresses);
            continue;
        }
        let range = match service.kind {
            ServiceKind::Kubernetes => settings.service_range,
            ServiceKind::Entry => settings.vip_range,
        };
        match allocation.give(range, &service.host) {
            Ok(address) => service.addresses = vec![Cidr::single(address.into())],
            Err(reason) => {
                let key = (service.meta.resource_name(), range);
                let first = || Unaddressed { meta: service.meta.clone(), reason, more: 0 };
                without.entry(key).and_modify(|one| one.more += 1).or_insert_with(first);
            }
        }
        service.auto_address = true;
        if service.kind == ServiceKind::Kubernetes {
            of_kubernetes.insert(service.host.clone(), service.addresses.clone());
        }
    }
    diagnostics.extend(without.into_values().map(Unaddressed::finding));
}

/// The hosts of one resource for which no address was left: one finding, however many they are.
struct Unaddressed {
    meta: Arc<Meta>,
    reason: RangeExhausted,
    more: usize,
}

impl Unaddressed {
    fn finding(self) -> Diagnostic {
        let others = match self.more {
            0 => String::new(),
            more => format!(" and {more} more of its hosts"),
        };
        Diagnostic {
            code: codes::BAD_ADDRESS,
            severity: Severity::Warning,
            location: self.meta.source.clone(),
            resource: Some(self.meta.resource_name()),
            field: String::new(),
            reason: format!("{}{others}", self.reason),
            help: "widen the range, or write the address explicitly".to_owned(),
        }
    }
}

/// Istio allocates nothing for resolution NONE, for wildcards (DYNAMIC_DNS excepted), and where an
/// address is written.
fn needs_address(service: &Service, settings: &MeshSettings) -> bool {
    if !service.addresses.is_empty() || service.headless {
        return false;
    }
    match (service.kind, &service.resolution) {
        (_, Resolution::Alias(_) | Resolution::Passthrough) => false,
        (ServiceKind::Kubernetes, _) => true,
        (ServiceKind::Entry, _) if opted_out(service) => false,
        (ServiceKind::Entry, Resolution::DynamicDns) => true,
        (ServiceKind::Entry, _) if service.is_wildcard() => false,
        (ServiceKind::Entry, _) => settings.global_address.is_none() || !settings.is_global(&service.host),
    }
}

fn opted_out(service: &Service) -> bool {
    service
        .meta
        .labels
        .get("networking.istio.io/enable-autoallocate-ip")
        .is_some_and(|value| value == "false")
}
