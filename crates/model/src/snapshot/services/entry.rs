//! The hosts of a ServiceEntry as services of the mesh (Istio `serviceentry/conversion.go`).

use std::sync::Arc;

use super::endpoints::of_workload;
use crate::cidr::Cidr;
use crate::host;
use crate::mesh::MeshSettings;
use crate::resource::{Kind, Resource};
use crate::resources::{
    ServiceEntry, ServiceEntryLocation, ServiceEntryPort, ServiceEntryResolution, WorkloadEntry,
};
use crate::snapshot::inventory::Inventory;
use crate::snapshot::protocol::Protocol;
use crate::snapshot::service::{
    Endpoint, EndpointAddress, Resolution, Service, ServiceKind, ServicePort, TargetPort, TlsCapability,
};
use crate::snapshot::workload::TLS_MODE_LABEL;
use crate::snapshot::workloads::WorkloadIndex;
use crate::visibility::ExportTo;

/// One service per host.
pub(super) fn services(
    resource: &Resource<ServiceEntry>,
    workloads: &WorkloadIndex,
    inventory: &Inventory,
    settings: &MeshSettings,
) -> Vec<Service> {
    let Resource { meta, spec } = resource;
    let shared_meta = Arc::new(meta.clone());
    let of_host = |written: &String| {
        let host = host::canonical(written);
        let endpoints =
            spec.ports.iter().map(|port| endpoints(resource, &host, port, workloads, inventory)).collect();
        Service {
            host,
            name: meta.name.clone(),
            namespace: meta.namespace.clone(),
            meta: shared_meta.clone(),
            kind: ServiceKind::Entry,
            addresses: spec.addresses.iter().filter_map(|text| text.parse::<Cidr>().ok()).collect(),
            auto_address: false,
            ports: spec.ports.iter().map(port).collect(),
            resolution: resolution(spec.resolution),
            mesh_external: spec.location == ServiceEntryLocation::MeshExternal,
            headless: false,
            export_to: ExportTo::parse(
                spec.export_to.iter().map(String::as_str),
                &settings.default_service_export_to,
            ),
            endpoints,
            subject_alt_names: spec.subject_alt_names.clone(),
            selector: spec.workload_selector.as_ref().map(|s| s.labels.clone()).unwrap_or_default(),
        }
    };
    spec.hosts.iter().map(of_host).collect()
}

fn resolution(written: ServiceEntryResolution) -> Resolution {
    match written {
        ServiceEntryResolution::None => Resolution::Passthrough,
        ServiceEntryResolution::Static => Resolution::ClientSide,
        ServiceEntryResolution::Dns => Resolution::Dns,
        ServiceEntryResolution::DnsRoundRobin => Resolution::DnsRoundRobin,
        ServiceEntryResolution::DynamicDns => Resolution::DynamicDns,
    }
}

fn port(port: &ServiceEntryPort) -> ServicePort {
    ServicePort {
        number: port.number,
        name: port.name.clone(),
        protocol: Protocol::parse(&port.protocol),
        target: TargetPort::Number(target(port)),
    }
}

fn target(port: &ServiceEntryPort) -> u16 {
    if port.target_port == 0 { port.number } else { port.target_port }
}

fn endpoints(
    resource: &Resource<ServiceEntry>,
    host: &str,
    port: &ServiceEntryPort,
    workloads: &WorkloadIndex,
    inventory: &Inventory,
) -> Vec<Endpoint> {
    let Resource { meta, spec } = resource;
    let by_name =
        matches!(spec.resolution, ServiceEntryResolution::Dns | ServiceEntryResolution::DnsRoundRobin);
    if let Some(selector) = &spec.workload_selector {
        let pods = workloads
            .selected_by(&selector.labels)
            .filter(|workload| workload.meta.kind == Kind::Pod && workload.namespace == meta.namespace);
        let entries = inventory.entries_selected_by(&meta.namespace, &selector.labels);
        let of_pods = pods.filter_map(|pod| Some(of_workload(pod, *pod.addresses.first()?, target(port))));
        let of_entries =
            entries.map(|entry| of_entry(&entry.spec, &entry.meta.namespace, &entry.meta.name, port));
        return of_pods.chain(of_entries).filter(|endpoint| by_name || has_address(endpoint)).collect();
    }
    if spec.endpoints.is_empty() && by_name && !host::is_wildcard(host) {
        let itself = WorkloadEntry { address: host.to_owned(), ..WorkloadEntry::default() };
        return vec![of_entry(&itself, &meta.namespace, "", port)];
    }
    let inline = spec.endpoints.iter().map(|entry| of_entry(entry, &meta.namespace, "", port));
    inline.filter(|endpoint| by_name || has_address(endpoint)).collect()
}

/// Without DNS, a host name is no endpoint.
fn has_address(endpoint: &Endpoint) -> bool {
    !matches!(endpoint.address, EndpointAddress::Host(_))
}

/// Port precedence: Unix socket, the endpoint's own port of that name, the port's target, its
/// number.
fn of_entry(entry: &WorkloadEntry, namespace: &str, name: &str, port: &ServiceEntryPort) -> Endpoint {
    let (address, number) = match (entry.address.strip_prefix("unix://"), entry.address.parse()) {
        (Some(path), _) => (EndpointAddress::Unix(path.to_owned()), 0),
        (None, parsed) => {
            let number = entry.ports.get(&port.name).copied().unwrap_or_else(|| target(port));
            let host = || EndpointAddress::Host(host::canonical(&entry.address));
            (parsed.map_or_else(|_| host(), EndpointAddress::Ip), number)
        }
    };
    let meshed = match entry.labels.get(TLS_MODE_LABEL) {
        Some(mode) => mode == "istio",
        None => !entry.service_account.is_empty(),
    };
    Endpoint {
        address,
        port: number,
        namespace: namespace.to_owned(),
        workload: name.to_owned(),
        labels: entry.labels.clone(),
        service_account: entry.service_account.clone(),
        tls: if meshed { TlsCapability::Istio } else { TlsCapability::Disabled },
        network: entry.network.clone(),
        locality: entry.locality.clone(),
        weight: entry.weight.max(1),
        healthy: true,
    }
}
