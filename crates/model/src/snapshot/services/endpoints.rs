//! Where a Kubernetes Service is served: EndpointSlices or Endpoints where given, else the pods
//! that it selects.

use std::net::IpAddr;

use crate::resource::Resource;
use crate::resources::{
    AddressType, EndpointPort, EndpointSlice, Endpoints, KubernetesService, ObjectReference,
};
use crate::snapshot::inventory::Inventory;
use crate::snapshot::service::{Endpoint, EndpointAddress, ServicePort, TargetPort, TlsCapability};
use crate::snapshot::workload::{TLS_MODE_LABEL, Workload};
use crate::snapshot::workloads::WorkloadIndex;

/// Endpoints per port. Those that are not ready are there too, marked unhealthy: their proxies need
/// listeners.
pub(super) fn of_kubernetes(
    service: &Resource<KubernetesService>,
    ports: &[ServicePort],
    inventory: &Inventory,
    workloads: &WorkloadIndex,
) -> Vec<Vec<Endpoint>> {
    let meta = &service.meta;
    let slices: Vec<&EndpointSlice> = inventory.slices_of(meta).map(|slice| &slice.spec).collect();
    let given = inventory.endpoints_of(meta);
    let mut lists: Vec<Vec<Endpoint>> = ports
        .iter()
        .map(|port| {
            if !slices.is_empty() {
                slices.iter().flat_map(|slice| of_slice(slice, port, &meta.namespace, workloads)).collect()
            } else if let Some(endpoints) = given {
                of_endpoints(&endpoints.spec, port, &meta.namespace, workloads)
            } else {
                of_pods(service, port, workloads)
            }
        })
        .collect();
    if service.spec.publish_not_ready_addresses {
        lists.iter_mut().flatten().for_each(|endpoint| endpoint.healthy = true);
    }
    lists
}

fn of_pods(
    service: &Resource<KubernetesService>,
    port: &ServicePort,
    workloads: &WorkloadIndex,
) -> Vec<Endpoint> {
    if service.spec.selector.is_empty() {
        return Vec::new();
    }
    let selected = workloads.selected_by(&service.spec.selector).filter(|workload| {
        workload.meta.kind == crate::resource::Kind::Pod && workload.namespace == service.meta.namespace
    });
    let served = selected.filter_map(|pod| {
        let number = match &port.target {
            TargetPort::Number(number) => *number,
            TargetPort::Named(name) => pod.container_ports.iter().find(|(declared, _)| declared == name)?.1,
        };
        Some(of_workload(pod, *pod.addresses.first()?, number))
    });
    served.collect()
}

/// A workload's port as an endpoint.
pub(super) fn of_workload(workload: &Workload, address: IpAddr, port: u16) -> Endpoint {
    let meshed = workload.labels.get(TLS_MODE_LABEL).is_some_and(|mode| mode == "istio");
    Endpoint {
        address: EndpointAddress::Ip(address),
        port,
        namespace: workload.namespace.clone(),
        workload: workload.name.clone(),
        labels: workload.labels.clone(),
        service_account: workload.service_account.clone(),
        tls: if meshed { TlsCapability::Istio } else { TlsCapability::Disabled },
        network: workload.network.clone(),
        locality: workload.locality.clone(),
        weight: 1,
        healthy: workload.ready,
    }
}

fn of_slice(
    slice: &EndpointSlice,
    port: &ServicePort,
    namespace: &str,
    workloads: &WorkloadIndex,
) -> Vec<Endpoint> {
    let Some(number) = number_of(&slice.ports, port) else { return Vec::new() };
    if slice.address_type == AddressType::Fqdn {
        return Vec::new();
    }
    let mut endpoints = Vec::new();
    for listed in &slice.endpoints {
        let ready =
            listed.conditions.ready.unwrap_or(true) && !listed.conditions.terminating.unwrap_or(false);
        for address in listed.addresses.iter().filter_map(|text| text.parse().ok()) {
            let mut endpoint = of_address(address, number, namespace, listed.target_ref.as_ref(), workloads);
            endpoint.healthy = ready;
            endpoints.push(endpoint);
        }
    }
    endpoints
}

fn of_endpoints(
    given: &Endpoints,
    port: &ServicePort,
    namespace: &str,
    workloads: &WorkloadIndex,
) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    for subset in &given.subsets {
        let Some(number) = number_of(&subset.ports, port) else { continue };
        let ready = subset.addresses.iter().map(|address| (address, true));
        let all = ready.chain(subset.not_ready_addresses.iter().map(|address| (address, false)));
        for (listed, healthy) in all {
            let Ok(address) = listed.ip.parse() else { continue };
            let mut endpoint = of_address(address, number, namespace, listed.target_ref.as_ref(), workloads);
            endpoint.healthy = healthy;
            endpoints.push(endpoint);
        }
    }
    endpoints
}

/// The number under which listed endpoints serve a Service's port: by the port's name.
fn number_of(listed: &[EndpointPort], port: &ServicePort) -> Option<u16> {
    listed.iter().find(|candidate| candidate.name == port.name).map(|found| found.port)
}

/// A listed address: its pod's properties where the pod is known, by reference or by address.
fn of_address(
    address: IpAddr,
    port: u16,
    namespace: &str,
    target: Option<&ObjectReference>,
    workloads: &WorkloadIndex,
) -> Endpoint {
    let referenced =
        target.filter(|target| target.kind == "Pod").and_then(|t| workloads.by_name(namespace, &t.name));
    let at_address = || workloads.by_ip(address).filter(|workload| workload.namespace == namespace);
    match referenced.or_else(at_address) {
        Some(workload) => of_workload(workload, address, port),
        None => Endpoint {
            address: EndpointAddress::Ip(address),
            port,
            namespace: namespace.to_owned(),
            workload: String::new(),
            labels: Default::default(),
            service_account: String::new(),
            tls: TlsCapability::Disabled,
            network: String::new(),
            locality: String::new(),
            weight: 1,
            healthy: true,
        },
    }
}
