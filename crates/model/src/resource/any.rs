//! A resource of any kind, as the parser yields it.

use std::sync::Arc;

use crate::resource::{Meta, Resource};
use crate::resources::*;

/// A resource of any kind.
#[derive(Debug, Clone, PartialEq)]
pub enum AnyResource {
    Namespace(Arc<Resource<Namespace>>),
    Service(Arc<Resource<KubernetesService>>),
    ServiceAccount(Arc<Resource<ServiceAccount>>),
    Secret(Arc<Resource<Secret>>),
    Pod(Arc<Resource<Pod>>),
    Deployment(Arc<Resource<Deployment>>),
    Endpoints(Arc<Resource<Endpoints>>),
    EndpointSlice(Arc<Resource<EndpointSlice>>),
    VirtualService(Arc<Resource<VirtualService>>),
    DestinationRule(Arc<Resource<DestinationRule>>),
    ServiceEntry(Arc<Resource<ServiceEntry>>),
    WorkloadEntry(Arc<Resource<WorkloadEntry>>),
    Gateway(Arc<Resource<Gateway>>),
    Sidecar(Arc<Resource<Sidecar>>),
    PeerAuthentication(Arc<Resource<PeerAuthentication>>),
    AuthorizationPolicy(Arc<Resource<AuthorizationPolicy>>),
    RequestAuthentication(Arc<Resource<RequestAuthentication>>),
    MeshPolicy(Arc<Resource<LegacyPolicy>>),
    Policy(Arc<Resource<LegacyPolicy>>),
    Federation(Arc<Resource<FederationSpec>>),
}

impl AnyResource {
    pub fn meta(&self) -> &Meta {
        match self {
            AnyResource::Namespace(r) => &r.meta,
            AnyResource::Service(r) => &r.meta,
            AnyResource::ServiceAccount(r) => &r.meta,
            AnyResource::Secret(r) => &r.meta,
            AnyResource::Pod(r) => &r.meta,
            AnyResource::Deployment(r) => &r.meta,
            AnyResource::Endpoints(r) => &r.meta,
            AnyResource::EndpointSlice(r) => &r.meta,
            AnyResource::VirtualService(r) => &r.meta,
            AnyResource::DestinationRule(r) => &r.meta,
            AnyResource::ServiceEntry(r) => &r.meta,
            AnyResource::WorkloadEntry(r) => &r.meta,
            AnyResource::Gateway(r) => &r.meta,
            AnyResource::Sidecar(r) => &r.meta,
            AnyResource::PeerAuthentication(r) => &r.meta,
            AnyResource::AuthorizationPolicy(r) => &r.meta,
            AnyResource::RequestAuthentication(r) => &r.meta,
            AnyResource::MeshPolicy(r) | AnyResource::Policy(r) => &r.meta,
            AnyResource::Federation(r) => &r.meta,
        }
    }
}
