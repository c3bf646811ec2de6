//! Kubernetes objects, on their own: only what would mislead the mesh.

use std::net::IpAddr;

use super::checker::{Checker, repeated};
use crate::diagnostic::codes;
use crate::resources::*;

pub(super) fn service(spec: &KubernetesService, check: &mut Checker<'_>) {
    let external = spec.service_type == ServiceType::ExternalName;
    if external {
        check.host("spec.externalName", &spec.external_name, false);
    }
    if !spec.cluster_ip.is_empty() && spec.cluster_ip != "None" {
        address("spec.clusterIP", &spec.cluster_ip, check);
    }
    for (number, ip) in spec.cluster_ips.iter().enumerate().filter(|(_, ip)| *ip != "None") {
        address(&format!("spec.clusterIPs[{number}]"), ip, check);
    }
    let headless = spec.cluster_ip == "None";
    if spec.ports.is_empty() && !external && !headless {
        check.missing("spec.ports", "the list of ports");
    }
    let names = repeated(spec.ports.iter().map(|port| &port.name));
    let ports = repeated(spec.ports.iter().map(|port| (port.port, port.protocol)));
    for (number, port) in spec.ports.iter().enumerate() {
        let field = format!("spec.ports[{number}]");
        check.port(&format!("{field}.port"), port.port);
        if port.name.is_empty() && spec.ports.len() > 1 {
            check.missing(&format!("{field}.name"), "the name that each of several ports needs");
        } else if !port.name.is_empty() && names[number] {
            let reason = format!("another port already has the name `{}`", port.name);
            check.error(codes::REPEATED, &format!("{field}.name"), reason, "rename one of them");
        }
        if ports[number] {
            let reason = format!("the port {} is listed twice", port.port);
            check.error(codes::REPEATED, &format!("{field}.port"), reason, "remove one of them");
        }
    }
}

pub(super) fn pod(pod: &Pod, check: &mut Checker<'_>) {
    containers("spec.containers", &pod.spec, check);
    if !pod.status.pod_ip.is_empty() {
        address("status.podIP", &pod.status.pod_ip, check);
    }
}

pub(super) fn deployment(spec: &Deployment, check: &mut Checker<'_>) {
    containers("spec.template.spec.containers", &spec.template.spec, check);
    let Some(selector) = &spec.selector else { return };
    if !labels_match(&selector.match_labels, &spec.template.metadata.labels) {
        let reason = "the selector does not match the labels of the template";
        check.error(codes::CONTRADICTION, "spec.selector.matchLabels", reason, "give both the same labels");
    }
}

pub(super) fn endpoints(spec: &Endpoints, check: &mut Checker<'_>) {
    for (number, subset) in spec.subsets.iter().enumerate() {
        let lists = [("addresses", &subset.addresses), ("notReadyAddresses", &subset.not_ready_addresses)];
        for (name, list) in lists {
            for (position, listed) in list.iter().enumerate() {
                address(&format!("subsets[{number}].{name}[{position}].ip"), &listed.ip, check);
            }
        }
    }
}

pub(super) fn endpoint_slice(spec: &EndpointSlice, check: &mut Checker<'_>) {
    if !check.meta().labels.contains_key(SERVICE_NAME_LABEL) {
        let reason = format!("without the label `{SERVICE_NAME_LABEL}` the slice belongs to no Service");
        check.warning(codes::NO_EFFECT, "metadata.labels", reason, "add the label");
    }
    if spec.address_type == AddressType::Fqdn {
        let reason = "slices of host names are not used";
        check.warning(codes::NO_EFFECT, "addressType", reason, "write a ServiceEntry with resolution DNS");
        return;
    }
    for (number, endpoint) in spec.endpoints.iter().enumerate() {
        for (position, ip) in endpoint.addresses.iter().enumerate() {
            address(&format!("endpoints[{number}].addresses[{position}]"), ip, check);
        }
    }
}

fn containers(field: &str, spec: &PodSpec, check: &mut Checker<'_>) {
    if spec.containers.is_empty() {
        check.missing(field, "the list of containers");
    }
    for (number, container) in spec.containers.iter().enumerate() {
        let field = format!("{field}[{number}]");
        if container.name.is_empty() {
            check.missing(&format!("{field}.name"), "the container's name");
        }
        for (position, port) in container.ports.iter().enumerate() {
            check.port(&format!("{field}.ports[{position}].containerPort"), port.container_port);
        }
    }
}

fn address(field: &str, text: &str, check: &mut Checker<'_>) {
    if text.parse::<IpAddr>().is_err() {
        let reason = format!("`{}` is no IP address", text.escape_debug());
        check.error(codes::BAD_ADDRESS, field, reason, "write an IP address");
    }
}

/// The finding points at the name: a line of `data` would show what is secret.
pub(super) fn secret(spec: &Secret, check: &mut Checker<'_>) {
    for key in spec.broken() {
        let reason = format!("`data` has a value that is no base64: `{key}`");
        check.error(codes::BAD_FORM, "metadata.name", reason, "encode it, or write it under `stringData`");
    }
}
