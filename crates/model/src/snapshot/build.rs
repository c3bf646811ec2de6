//! The only way to a snapshot: check, sort, index, check the references, index what depends on them.

use std::collections::BTreeMap;

use super::mtls::AuthenticationIndex;
use super::{
    DestinationRuleIndex, GatewayIndex, Inventory, MeshSnapshot, ServiceIndex, VirtualServiceIndex,
    WorkloadIndex,
};
use crate::addresses::AddressTable;
use crate::diagnostic::{Diagnostic, Severity, codes};
use crate::mesh::MeshSettings;
use crate::resource::{AnyResource, ResourceName};
use crate::source::Location;

/// Builds the mesh of one cluster. A resource with an error is left out and everything else applied. The table
/// comes back with the addresses that were given out; keep it for the next build.
pub fn build(
    resources: Vec<AnyResource>,
    settings: MeshSettings,
    mut addresses: AddressTable,
) -> (MeshSnapshot, AddressTable, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let inventory = Inventory::of(without_duplicates(resources, &mut diagnostics));
    let workloads = WorkloadIndex::build(&inventory, &settings);
    let services = ServiceIndex::build(&inventory, &workloads, &settings, &mut addresses, &mut diagnostics);
    let snapshot = MeshSnapshot {
        destination_rules: DestinationRuleIndex::build(&inventory.destination_rules, &settings),
        virtual_services: VirtualServiceIndex::build(&inventory.virtual_services, &settings),
        gateways: GatewayIndex::build(&inventory.gateways),
        authentication: AuthenticationIndex::build(&inventory, &settings),
        settings,
        inventory,
        workloads,
        services,
    };
    (snapshot, addresses, diagnostics)
}

/// Of two resources with one kind, namespace and name, the second is refused.
fn without_duplicates(resources: Vec<AnyResource>, diagnostics: &mut Vec<Diagnostic>) -> Vec<AnyResource> {
    let mut first: BTreeMap<ResourceName, Location> = BTreeMap::new();
    let mut kept = Vec::with_capacity(resources.len());
    for resource in resources {
        let meta = resource.meta();
        let name = meta.resource_name();
        match first.get(&name) {
            Some(place) => diagnostics.push(Diagnostic {
                code: codes::DUPLICATE,
                severity: Severity::Error,
                location: meta.locate("metadata.name"),
                field: "metadata.name".to_owned(),
                reason: format!("{name} is already defined at {place}"),
                mend: "rename or remove one of the two".to_owned(),
                resource: Some(name),
            }),
            None => {
                first.insert(name, meta.source.clone());
                kept.push(resource);
            }
        }
    }
    kept
}
