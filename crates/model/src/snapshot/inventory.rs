//! All resources of a mesh sorted by kind, each kind oldest first. Knows nothing of what they mean together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::resource::{AnyResource, Resource, ResourceName};
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
}

impl Inventory {
    pub fn secret(&self, namespace: &str, name: &str) -> Option<&Secret> {
        let found = self.secrets.iter().find(|one| one.meta.namespace == namespace && one.meta.name == name);
        found.map(|one| &one.spec)
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
        sorted
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
