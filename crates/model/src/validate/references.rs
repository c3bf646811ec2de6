//! References between resources: gateways, hosts, subsets, ports, workloads.

mod gateway;
mod virtual_service;

use std::collections::{BTreeMap, BTreeSet};

use super::checker::Checker;
use crate::diagnostic::{Diagnostic, codes};
use crate::host::{self, HostSet};
use crate::mesh::MeshSettings;
use crate::resource::Meta;
use crate::resources::*;
use crate::snapshot::{
    Delegates, DestinationRuleIndex, GatewayIndex, Inventory, LabelIndex, ServiceIndex, WorkloadIndex,
};

/// What a reference may lead to.
pub(crate) struct Surroundings<'a> {
    pub settings: &'a MeshSettings,
    pub inventory: &'a Inventory,
    pub workloads: &'a WorkloadIndex,
    pub services: &'a ServiceIndex,
    pub destination_rules: &'a DestinationRuleIndex,
    pub gateways: &'a GatewayIndex,
    /// The hosts of all services.
    pub hosts: HostSet,
    pub delegates: Delegates<'a>,
    /// Of the pods of Deployments, in their order.
    pub deployed: LabelIndex,
}

/// `namespace/name` of delegates that some route of another VirtualService leads to.
pub(super) type Asked = BTreeSet<(String, String)>;

/// Checks the references of all resources. The only errors are of VirtualServices that bind to
/// nothing at all.
pub(crate) fn references(around: &Surroundings<'_>, found: &mut Vec<Diagnostic>) {
    let asked = virtual_service::asked(around);
    for resource in &around.inventory.virtual_services {
        let mut check = Checker::new(&resource.meta, around.settings, found);
        virtual_service::bindings(resource, around, &mut check);
        virtual_service::delegates(resource, around, &asked, &mut check);
        virtual_service::destinations(resource, around, &mut check);
    }
    for resource in &around.inventory.destination_rules {
        let mut check = Checker::new(&resource.meta, around.settings, found);
        let wanted = around.settings.resolve_host(&resource.spec.host, &resource.meta.namespace);
        if !around.hosts.overlaps(&wanted) {
            unknown_host(&resource.meta, "spec.host", &wanted, around, &mut check);
        }
    }
    for resource in &around.inventory.gateways {
        let mut check = Checker::new(&resource.meta, around.settings, found);
        let reason = "the selector matches no workload, so no proxy serves this Gateway";
        if !around.selects_any(None, &resource.spec.selector) {
            check.warning(
                codes::NO_WORKLOAD,
                "spec.selector",
                reason,
                "give it the labels of a gateway's pods",
            );
        }
    }
    for resource in &around.inventory.gateways {
        gateway::credentials(resource, around, &mut Checker::new(&resource.meta, around.settings, found));
    }
    for resource in &around.inventory.peer_authentications {
        let mut check = Checker::new(&resource.meta, around.settings, found);
        let labels = resource.spec.selector.as_ref().map(|selector| &selector.match_labels);
        unmatched("spec.selector", labels, Some(&resource.meta.namespace), around, &mut check);
    }
    for resource in &around.inventory.authorization_policies {
        let mut check = Checker::new(&resource.meta, around.settings, found);
        let labels = resource.spec.selector.as_ref().map(|selector| &selector.match_labels);
        let of_mesh = resource.meta.namespace == around.settings.root_namespace;
        unmatched(
            "spec.selector",
            labels,
            (!of_mesh).then_some(&resource.meta.namespace),
            around,
            &mut check,
        );
    }
    for resource in &around.inventory.service_entries {
        let mut check = Checker::new(&resource.meta, around.settings, found);
        let labels = resource.spec.workload_selector.as_ref().map(|selector| &selector.labels);
        unmatched("spec.workloadSelector", labels, Some(&resource.meta.namespace), around, &mut check);
        for (number, endpoint) in resource.spec.endpoints.iter().enumerate() {
            let name = host::canonical(&endpoint.address);
            let local = name.ends_with(&format!(".{}", around.settings.cluster_domain));
            if local && around.services.of_host(&name).next().is_none() {
                let field = format!("spec.endpoints[{number}].address");
                unknown_host(&resource.meta, &field, &name, around, &mut check);
            }
        }
    }
}

impl Surroundings<'_> {
    /// Whether any workload, or any Deployment that will become some, has these labels.
    fn selects_any(&self, namespace: Option<&str>, labels: &BTreeMap<String, String>) -> bool {
        let within = |own: &str| namespace.is_none_or(|wanted| wanted == own);
        let mut workloads = self.workloads.selected_by(labels);
        let places = self.deployed.candidates(labels);
        let mut deployments = places.map(|place| &self.inventory.deployments[place]);
        workloads.any(|workload| within(&workload.namespace))
            || deployments.any(|deployment| {
                within(&deployment.meta.namespace)
                    && labels_match(labels, &deployment.spec.template.metadata.labels)
            })
    }
}

fn unmatched(
    field: &str,
    labels: Option<&BTreeMap<String, String>>,
    namespace: Option<&String>,
    around: &Surroundings<'_>,
    check: &mut Checker<'_>,
) {
    let Some(labels) = labels.filter(|labels| !labels.is_empty()) else { return };
    if !around.selects_any(namespace.map(String::as_str), labels) {
        let reason = match namespace {
            Some(namespace) => format!("no workload in the namespace `{namespace}` has these labels"),
            None => "no workload in any namespace has these labels".to_owned(),
        };
        check.warning(codes::NO_WORKLOAD, field, reason, "correct the labels or the namespace");
    }
}

fn unknown_host(meta: &Meta, field: &str, full: &str, around: &Surroundings<'_>, check: &mut Checker<'_>) {
    let hidden = around.services.of_host(full).next();
    let (reason, help) = match hidden {
        Some(service) => (
            format!("`{full}` is not exported to the namespace `{}`", meta.namespace),
            format!("add the namespace to `exportTo` of {}", service.meta.resource_name()),
        ),
        None => (
            format!("no Service and no ServiceEntry declares `{full}`"),
            "declare the host, or correct it".to_owned(),
        ),
    };
    check.warning(codes::UNKNOWN_HOST, field, reason, &help);
}
