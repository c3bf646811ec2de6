//! All resources of a mesh sorted by kind, each kind oldest first. Knows nothing of what they mean together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::selection::LabelIndex;
use crate::diagnostic::Diagnostic;
use crate::resource::{AnyResource, Meta, Resource, ResourceName};
use crate::resources::*;

type List<T> = Vec<Arc<Resource<T>>>;

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Inventory {
    pub namespaces: List<Namespace>,
    pub services: List<KubernetesService>,
    pub service_accounts: List<ServiceAccount>,
    pub secrets: List<Secret>,
    pub pods: List<Pod>,
    pub deployments: List<Deployment>,
    pub endpoints: List<Endpoints>,
    pub endpoint_slices: List<EndpointSlice>,
    pub virtual_services: List<VirtualService>,
    pub destination_rules: List<DestinationRule>,
    pub service_entries: List<ServiceEntry>,
    pub workload_entries: List<WorkloadEntry>,
    pub gateways: List<Gateway>,
    pub sidecars: List<Sidecar>,
    pub peer_authentications: List<PeerAuthentication>,
    pub authorization_policies: List<AuthorizationPolicy>,
    pub mesh_policies: List<LegacyPolicy>,
    pub policies: List<LegacyPolicy>,
    /// By config path.
    pub by_path: BTreeMap<String, AnyResource>,
    entries_by_label: LabelIndex,
    slices_by_service: ByName,
    endpoints_by_name: ByName,
    secrets_by_name: ByName,
}

/// Places in a list by namespace and a name.
type ByName = BTreeMap<(String, String), Vec<usize>>;

impl Inventory {
    pub fn secret(&self, namespace: &str, name: &str) -> Option<&Secret> {
        named(&self.secrets_by_name, namespace, name, &self.secrets).next().map(|one| &one.spec)
    }

    /// The EndpointSlices of a Service.
    pub fn slices_of<'a>(&'a self, service: &Meta) -> impl Iterator<Item = &'a Resource<EndpointSlice>> {
        named(&self.slices_by_service, &service.namespace, &service.name, &self.endpoint_slices)
    }

    /// The Endpoints of a Service: those of its name.
    pub fn endpoints_of(&self, service: &Meta) -> Option<&Resource<Endpoints>> {
        named(&self.endpoints_by_name, &service.namespace, &service.name, &self.endpoints).next()
    }

    /// The WorkloadEntries of a namespace that have all of these labels.
    pub fn entries_selected_by<'a>(
        &'a self,
        namespace: &'a str,
        labels: &'a BTreeMap<String, String>,
    ) -> impl Iterator<Item = &'a Arc<Resource<WorkloadEntry>>> {
        let candidates = self.entries_by_label.candidates(labels).map(|place| &self.workload_entries[place]);
        candidates.filter(move |entry| {
            entry.meta.namespace == namespace && labels_match(labels, &entry.spec.labels)
        })
    }

    pub fn of(mut resources: Vec<AnyResource>) -> Inventory {
        resources.sort_by_cached_key(|resource| resource.meta().age());
        let mut sorted = Inventory::default();
        for resource in resources {
            sorted.by_path.insert(resource.meta().config_path(), resource.clone());
            match resource {
                AnyResource::Namespace(r) => sorted.namespaces.push(r),
                AnyResource::Service(r) => sorted.services.push(r),
                AnyResource::ServiceAccount(r) => sorted.service_accounts.push(r),
                AnyResource::Secret(r) => sorted.secrets.push(r),
                AnyResource::Pod(r) => sorted.pods.push(r),
                AnyResource::Deployment(r) => sorted.deployments.push(r),
                AnyResource::Endpoints(r) => sorted.endpoints.push(r),
                AnyResource::EndpointSlice(r) => sorted.endpoint_slices.push(r),
                AnyResource::VirtualService(r) => sorted.virtual_services.push(r),
                AnyResource::DestinationRule(r) => sorted.destination_rules.push(r),
                AnyResource::ServiceEntry(r) => sorted.service_entries.push(r),
                AnyResource::WorkloadEntry(r) => sorted.workload_entries.push(r),
                AnyResource::Gateway(r) => sorted.gateways.push(r),
                AnyResource::Sidecar(r) => sorted.sidecars.push(r),
                AnyResource::PeerAuthentication(r) => sorted.peer_authentications.push(r),
                AnyResource::AuthorizationPolicy(r) => sorted.authorization_policies.push(r),
                AnyResource::MeshPolicy(r) => sorted.mesh_policies.push(r),
                AnyResource::Policy(r) => sorted.policies.push(r),
                // Refused by validation; and no part of a mesh.
                AnyResource::RequestAuthentication(_) | AnyResource::Federation(_) => {}
            }
        }
        sorted.index();
        sorted
    }

    fn index(&mut self) {
        let own = |meta: &Meta| Some(meta.name.clone());
        self.secrets_by_name = by_name(&self.secrets, own);
        self.endpoints_by_name = by_name(&self.endpoints, own);
        self.slices_by_service =
            by_name(&self.endpoint_slices, |meta| meta.labels.get(SERVICE_NAME_LABEL).cloned());
        self.workload_entries.iter().for_each(|entry| self.entries_by_label.push(&entry.spec.labels));
    }

    /// Takes out the VirtualServices that an error refuses.
    pub fn remove_virtual_services(&mut self, diagnostics: &[Diagnostic]) {
        let refused: BTreeSet<&ResourceName> = diagnostics
            .iter()
            .filter(|found| found.is_error())
            .filter_map(|found| found.resource.as_ref())
            .collect();
        self.virtual_services.retain(|resource| !refused.contains(&resource.meta.resource_name()));
        self.by_path.retain(|_, resource| !refused.contains(&resource.meta().resource_name()));
    }
}

fn by_name<T>(list: &List<T>, name: impl Fn(&Meta) -> Option<String>) -> ByName {
    let mut places = ByName::new();
    for (place, one) in list.iter().enumerate() {
        if let Some(name) = name(&one.meta) {
            places.entry((one.meta.namespace.clone(), name)).or_default().push(place);
        }
    }
    places
}

fn named<'a, T>(
    places: &'a ByName,
    namespace: &str,
    name: &str,
    list: &'a List<T>,
) -> impl Iterator<Item = &'a Resource<T>> + use<'a, T> {
    let found = places.get(&(namespace.to_owned(), name.to_owned()));
    found.into_iter().flatten().map(|place| list[*place].as_ref())
}
