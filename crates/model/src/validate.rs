//! Does a resource make sense: on its own ([`resource`]), and beside the others ([`references`]).
//!
//! An error refuses the resource, a warning does not. A value that Istio's own validation refuses is an error; a
//! reference that leads nowhere but that Istio would apply all the same is a warning.

mod authorization;
mod checker;
mod destination_rule;
mod gateway;
mod kubernetes;
mod legacy_policy;
mod peer_authentication;
mod references;
mod service_entry;
mod sidecar;
mod virtual_service;

pub(crate) use references::{Surroundings, references};

use checker::Checker;

use crate::diagnostic::{Diagnostic, codes};
use crate::mesh::MeshSettings;
use crate::resource::AnyResource;

/// Checks one resource on its own.
pub(crate) fn resource(resource: &AnyResource, settings: &MeshSettings, found: &mut Vec<Diagnostic>) {
    let mut check = Checker::new(resource.meta(), found);
    match resource {
        AnyResource::Service(r) => kubernetes::service(&r.spec, &mut check),
        AnyResource::Pod(r) => kubernetes::pod(&r.spec, &mut check),
        AnyResource::Deployment(r) => kubernetes::deployment(&r.spec, &mut check),
        AnyResource::Endpoints(r) => kubernetes::endpoints(&r.spec, &mut check),
        AnyResource::EndpointSlice(r) => kubernetes::endpoint_slice(&r.spec, &r.meta, &mut check),
        AnyResource::VirtualService(r) => virtual_service::check(&r.spec, &mut check),
        AnyResource::DestinationRule(r) => destination_rule::check(&r.spec, &mut check),
        AnyResource::ServiceEntry(r) => service_entry::check(&r.spec, &mut check),
        AnyResource::WorkloadEntry(r) => service_entry::workload_entry(&r.spec, "spec", &mut check),
        AnyResource::Gateway(r) => gateway::check(&r.spec, &mut check),
        AnyResource::PeerAuthentication(r) => {
            peer_authentication::check(&r.spec, &r.meta, settings, &mut check);
        }
        AnyResource::MeshPolicy(r) | AnyResource::Policy(r) => {
            legacy_policy::check(&r.spec, &r.meta, &mut check)
        }
        AnyResource::AuthorizationPolicy(r) => authorization::check(&r.spec, &mut check),
        AnyResource::Sidecar(r) => sidecar::check(&r.spec, &mut check),
        AnyResource::RequestAuthentication(_) => {
            let reason = format!("Carrick does not support {} yet; it is not applied", resource.meta().kind);
            check.error(codes::UNSUPPORTED, "", reason, "remove it");
        }
        AnyResource::Federation(_) => {
            let reason =
                "a Federation names a federation's clusters; it is no resource of a cluster".to_owned();
            check.error(codes::FEDERATION, "kind", reason, "move it out of the cluster's resources");
        }
        AnyResource::Secret(r) => kubernetes::secret(&r.spec, &mut check),
        AnyResource::Namespace(_) | AnyResource::ServiceAccount(_) => {}
    }
}
