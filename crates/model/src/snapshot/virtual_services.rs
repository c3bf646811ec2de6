//! Which VirtualServices bind to the mesh and to each gateway (Istio `model/virtualservice.go`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::delegates::{self, Delegates, is_delegate};
use crate::host;
use crate::mesh::MeshSettings;
use crate::resource::Resource;
use crate::resources::{Destination, MESH_GATEWAY, VirtualService};
use crate::visibility::ExportTo;

/// VirtualServices with all names complete, oldest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct VirtualServiceIndex {
    by_gateway: BTreeMap<String, Vec<Visible>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Visible {
    export_to: ExportTo,
    resource: Arc<Resource<VirtualService>>,
}

impl VirtualServiceIndex {
    /// `all` come oldest first.
    pub(super) fn build(
        all: &[Arc<Resource<VirtualService>>],
        settings: &MeshSettings,
    ) -> VirtualServiceIndex {
        let mut by_gateway: BTreeMap<String, Vec<Visible>> = BTreeMap::new();
        let complete: Vec<_> = all.iter().map(|resource| completed(resource, settings)).collect();
        let delegates: Delegates<'_> = complete.iter().collect();
        for resource in complete.iter().filter(|resource| !is_delegate(&resource.spec)) {
            let export_to = ExportTo::parse(
                resource.spec.export_to.iter().map(String::as_str),
                &settings.default_virtual_service_export_to,
            );
            let complete = Arc::new(with_delegates(resource, &delegates, settings));
            for gateway in &complete.spec.gateways {
                let bound = by_gateway.entry(gateway.clone()).or_default();
                bound.push(Visible { export_to: export_to.clone(), resource: complete.clone() });
            }
        }
        VirtualServiceIndex { by_gateway }
    }

    /// Every one once, whatever it is bound to.
    pub(super) fn all(&self) -> Vec<Arc<Resource<VirtualService>>> {
        let mut seen = BTreeSet::new();
        let all = self.by_gateway.values().flatten().map(|visible| &visible.resource);
        all.filter(|resource| seen.insert(Arc::as_ptr(resource))).cloned().collect()
    }

    /// Those bound to `gateway` (`ns/name`), whoever sees them.
    pub(super) fn naming(&self, gateway: &str) -> impl Iterator<Item = &Arc<Resource<VirtualService>>> {
        self.by_gateway.get(gateway).into_iter().flatten().map(|one| &one.resource)
    }

    /// Those bound to `gateway` (`ns/name` or `mesh`) that a proxy in `namespace` sees.
    pub(super) fn bound_to(&self, gateway: &str, namespace: &str) -> Vec<Arc<Resource<VirtualService>>> {
        let bound = self.by_gateway.get(gateway).into_iter().flatten();
        let seen = bound.filter(|one| one.export_to.admits(&one.resource.meta.namespace, namespace));
        seen.map(|one| one.resource.clone()).collect()
    }
}

/// The full name of a gateway that a VirtualService in `namespace` names: `ns/name`, or `mesh`. A
/// short name is of the same namespace; `name.ns.svc…` is the way of Istio 1.0.
pub(crate) fn gateway_name(written: &str, namespace: &str) -> String {
    if written == MESH_GATEWAY {
        return MESH_GATEWAY.to_owned();
    }
    if let Some((of, name)) = written.split_once('/') {
        return if of == "." { format!("{namespace}/{name}") } else { written.to_owned() };
    }
    let mut labels = written.split('.');
    match (labels.next(), labels.next()) {
        (Some(name), Some(of)) => format!("{of}/{name}"),
        _ => format!("{namespace}/{written}"),
    }
}

/// A copy in which no name depends on the namespace any more: hosts, gateways, destinations,
/// delegates.
fn completed(resource: &Resource<VirtualService>, settings: &MeshSettings) -> Resource<VirtualService> {
    let namespace = resource.meta.namespace.as_str();
    let mut complete = resource.clone();
    let spec = &mut complete.spec;
    spec.hosts.iter_mut().for_each(|host| *host = settings.resolve_host(host, namespace));
    if spec.gateways.is_empty() {
        spec.gateways.push(MESH_GATEWAY.to_owned());
    }
    complete_gateways(&mut spec.gateways, namespace);
    let of_http = spec.http.iter_mut().flat_map(|route| &mut route.matches).map(|m| &mut m.gateways);
    of_http.for_each(|gateways| complete_gateways(gateways, namespace));
    for attributes in spec.tls.iter_mut().flat_map(|route| &mut route.matches) {
        complete_gateways(&mut attributes.gateways, namespace);
        attributes.sni_hosts.iter_mut().for_each(|sni| *sni = host::canonical(sni));
    }
    let of_tcp = spec.tcp.iter_mut().flat_map(|route| &mut route.matches).map(|m| &mut m.gateways);
    of_tcp.for_each(|gateways| complete_gateways(gateways, namespace));
    for destination in destinations_mut(spec) {
        destination.host = settings.resolve_host(&destination.host, namespace);
    }
    complete
}

/// The same with the routes of others in the place of those that it leaves to them. What nobody
/// routes is left out.
fn with_delegates(
    resource: &Resource<VirtualService>,
    delegates: &Delegates<'_>,
    settings: &MeshSettings,
) -> Resource<VirtualService> {
    let mut whole = resource.clone();
    whole.spec.http.clear();
    for route in &resource.spec.http {
        let Some(delegate) = &route.delegate else {
            whole.spec.http.push(route.clone());
            continue;
        };
        let found = delegates.find(delegate, &resource.meta.namespace, settings);
        let routes = found.into_iter().flat_map(|found| &found.spec.http);
        whole.spec.http.extend(routes.filter_map(|leaf| delegates::merged(route, leaf)));
    }
    whole
}

fn complete_gateways(gateways: &mut Vec<String>, namespace: &str) {
    gateways.iter_mut().for_each(|gateway| *gateway = gateway_name(gateway, namespace));
    let mut seen = BTreeSet::new();
    gateways.retain(|gateway| seen.insert(gateway.clone()));
}

fn destinations_mut(spec: &mut VirtualService) -> Vec<&mut Destination> {
    let mut all = Vec::new();
    for route in &mut spec.http {
        all.extend(route.route.iter_mut().filter_map(|to| to.destination.as_mut()));
        all.extend(route.mirror.as_mut());
        all.extend(route.mirrors.iter_mut().filter_map(|to| to.destination.as_mut()));
    }
    let tls = spec.tls.iter_mut().flat_map(|route| &mut route.route);
    let tcp = spec.tcp.iter_mut().flat_map(|route| &mut route.route);
    all.extend(tls.chain(tcp).filter_map(|to| to.destination.as_mut()));
    all
}
