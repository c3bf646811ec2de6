//! A Kubernetes Service as a service of the mesh.

use std::sync::Arc;

use super::endpoints;
use crate::cidr::Cidr;
use crate::mesh::MeshSettings;
use crate::resource::Resource;
use crate::resources::{
    IntOrString, KubernetesService, KubernetesServicePort, ServiceType, TransportProtocol,
};
use crate::snapshot::inventory::Inventory;
use crate::snapshot::protocol::Protocol;
use crate::snapshot::service::{Resolution, Service, ServiceKind, ServicePort, TargetPort};
use crate::snapshot::workloads::WorkloadIndex;
use crate::visibility::ExportTo;

/// Istio's annotation for the visibility of a Kubernetes Service.
const EXPORT_TO_ANNOTATION: &str = "networking.istio.io/exportTo";

pub(super) fn service(
    resource: &Resource<KubernetesService>,
    inventory: &Inventory,
    workloads: &WorkloadIndex,
    settings: &MeshSettings,
) -> Service {
    let Resource { meta, spec } = resource;
    let headless = spec.cluster_ip == "None" || spec.cluster_ips.iter().any(|ip| ip == "None");
    let ports: Vec<ServicePort> = spec.ports.iter().map(port).collect();
    let endpoints = endpoints::of_kubernetes(resource, &ports, inventory, workloads);
    let export_to = meta.annotations.get(EXPORT_TO_ANNOTATION).map_or("", String::as_str);
    Service {
        host: settings.service_host(&meta.name, &meta.namespace),
        name: meta.name.clone(),
        namespace: meta.namespace.clone(),
        meta: Arc::new(meta.clone()),
        kind: ServiceKind::Kubernetes,
        addresses: cluster_ips(spec),
        auto_address: false,
        ports,
        resolution: resolution(spec, headless),
        mesh_external: spec.service_type == ServiceType::ExternalName,
        headless,
        export_to: ExportTo::parse(export_to.split(','), &settings.default_service_export_to),
        endpoints,
        subject_alt_names: Vec::new(),
        selector: spec.selector.clone(),
    }
}

fn resolution(spec: &KubernetesService, headless: bool) -> Resolution {
    if spec.service_type == ServiceType::ExternalName {
        Resolution::Alias(crate::host::canonical(&spec.external_name))
    } else if headless {
        Resolution::Passthrough
    } else {
        Resolution::ClientSide
    }
}

fn cluster_ips(spec: &KubernetesService) -> Vec<Cidr> {
    let written = std::iter::once(&spec.cluster_ip).chain(&spec.cluster_ips);
    let mut addresses: Vec<Cidr> = Vec::new();
    for address in written.filter_map(|ip| ip.parse().ok()).map(Cidr::single) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

fn port(port: &KubernetesServicePort) -> ServicePort {
    let protocol = match port.protocol {
        TransportProtocol::Tcp => Protocol::of_kubernetes_port(port.port, &port.name, &port.app_protocol),
        TransportProtocol::Udp | TransportProtocol::Sctp => Protocol::Udp,
    };
    let target = match &port.target_port {
        None | Some(IntOrString::Int(0)) => TargetPort::Number(port.port),
        Some(IntOrString::Int(number)) => TargetPort::Number(*number),
        Some(IntOrString::String(name)) if name.is_empty() => TargetPort::Number(port.port),
        Some(IntOrString::String(name)) => TargetPort::Named(name.clone()),
    };
    ServicePort { number: port.port, name: port.name.clone(), protocol, target }
}
