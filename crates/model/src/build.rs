//! The only way to a snapshot: check, sort, index, check the references, index what depends on
//! them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::addresses::AddressTable;
use crate::diagnostic::{Diagnostic, Severity, codes};
use crate::mesh::MeshSettings;
use crate::parse::closed;
use crate::resource::{AnyResource, Kind, Resource, ResourceName};
use crate::snapshot::{
    DestinationRuleIndex, GatewayIndex, Indexes, Inventory, LabelIndex, MeshSnapshot, ServiceIndex,
    WorkloadIndex,
};
use crate::validate::{self, Surroundings, references};

/// Builds the mesh of one cluster. A resource with an error is left out and everything else
/// applied. Only security resources stay all the same, because without them their workloads would
/// be open: what an AuthorizationPolicy means is then taken in the closed direction (see
/// `carrick-translate`), a PeerAuthentication is STRICT. The table comes back with the addresses
/// that were given out; keep it for the next build.
pub fn build(
    resources: Vec<AnyResource>,
    settings: MeshSettings,
    mut addresses: AddressTable,
) -> (MeshSnapshot, AddressTable, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let resources = without_duplicates(resources, &mut diagnostics).into_iter().filter_map(|resource| {
        match is_sound(&resource, &settings, &mut diagnostics) {
            true => Some(resource),
            false => closed(&resource),
        }
    });
    let resources: Vec<AnyResource> = resources.map(|resource| in_mesh(resource, &settings)).collect();
    let mut inventory = Inventory::from_resources(resources);

    let workloads = WorkloadIndex::build(&inventory, &settings);
    let services = ServiceIndex::build(&inventory, &workloads, &settings, &mut addresses, &mut diagnostics);
    let destination_rules = DestinationRuleIndex::build(&inventory.destination_rules, &settings);
    let gateways = GatewayIndex::build(&inventory.gateways);

    let found_before = diagnostics.len();
    let mut deployed = LabelIndex::default();
    inventory.deployments.iter().for_each(|one| deployed.push(&one.spec.template.metadata.labels));
    let around = Surroundings {
        settings: &settings,
        inventory: &inventory,
        workloads: &workloads,
        services: &services,
        destination_rules: &destination_rules,
        gateways: &gateways,
        hosts: services.hosts(),
        delegates: inventory.virtual_services.iter().map(Arc::as_ref).collect(),
        deployed,
    };
    references(&around, &mut diagnostics);
    drop(around);
    inventory.remove_virtual_services(&diagnostics[found_before..]);

    let indexes = Indexes { workloads, services, destination_rules, gateways };
    let snapshot = MeshSnapshot::new(settings, inventory, indexes);
    diagnostics.sort_by(|a, b| a.location.cmp(&b.location));
    (snapshot, addresses, diagnostics)
}

/// What closes the whole mesh stands in the root namespace.
fn in_mesh(resource: AnyResource, settings: &MeshSettings) -> AnyResource {
    fn placed<T: Clone>(resource: &Resource<T>, namespace: &str) -> Arc<Resource<T>> {
        let mut placed = resource.clone();
        placed.meta.namespace = namespace.to_owned();
        Arc::new(placed)
    }
    if !(resource.meta().unreadable && resource.meta().namespace.is_empty()) {
        return resource;
    }
    match resource {
        AnyResource::AuthorizationPolicy(r) => {
            AnyResource::AuthorizationPolicy(placed(&r, &settings.root_namespace))
        }
        AnyResource::PeerAuthentication(r) => {
            AnyResource::PeerAuthentication(placed(&r, &settings.root_namespace))
        }
        other => other,
    }
}

/// Whether a resource makes sense on its own.
fn is_sound(resource: &AnyResource, settings: &MeshSettings, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let found_before = diagnostics.len();
    validate::resource(resource, settings, diagnostics);
    !diagnostics[found_before..].iter().any(Diagnostic::is_error)
}

/// Of two resources with one kind, namespace and name, the second is refused. Only a Namespace may
/// be written again in the same words, as files that are applied together often do.
fn without_duplicates(resources: Vec<AnyResource>, diagnostics: &mut Vec<Diagnostic>) -> Vec<AnyResource> {
    let mut first: BTreeMap<ResourceName, usize> = BTreeMap::new();
    let mut kept: Vec<AnyResource> = Vec::with_capacity(resources.len());
    for resource in resources {
        let meta = resource.meta();
        let name = meta.resource_name();
        let Some(earlier) = first.get(&name).map(|position| kept[*position].meta()) else {
            first.insert(name, kept.len());
            kept.push(resource);
            continue;
        };
        if name.kind == Kind::Namespace
            && (&earlier.labels, &earlier.annotations) == (&meta.labels, &meta.annotations)
        {
            continue;
        }
        diagnostics.push(Diagnostic {
            code: codes::DUPLICATE,
            severity: Severity::Error,
            location: meta.locate("metadata.name"),
            field: "metadata.name".to_owned(),
            reason: format!("{name} is already defined at {}", earlier.source),
            help: "rename or remove one of the two".to_owned(),
            resource: Some(name),
        });
    }
    kept
}
