//! The validated whole of one cluster's mesh, and the questions that can be asked of it.
//!
//! A [`MeshSnapshot`] comes only from [`crate::build`]; it never changes. Each index answers one
//! kind of question by the rules of one part of Istio's semantics: the file's first line says
//! which.

mod authorization;
mod client_labels;
mod delegates;
mod destination_rules;
mod exposures;
mod gateways;
mod inventory;
mod mtls;
mod names;
mod policy;
mod protocol;
mod route_match;
mod selection;
mod service;
mod services;
mod sidecars;
mod virtual_services;
mod workload;
mod workloads;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

pub use gateways::{
    Conflict, GatewayListener, GatewayListeners, GatewayProxy, GatewayServer, LeftOut, ListenerProtocol,
    ServerKind, SniClaim, SniTaken, SniTarget, TcpClaim, admits_namespace, bound_hosts, server_hosts,
};
pub use mtls::{MtlsMode, ServerMtls};
pub use names::{NameEntry, Registry};
pub use policy::{EffectiveDestinationRule, EffectivePolicy};
pub use protocol::Protocol;
pub use route_match::MatchContext;
pub use service::{
    Endpoint, EndpointAddress, Resolution, Service, ServiceKind, ServicePort, TargetPort, TlsCapability,
    sni_key,
};
pub use sidecars::SidecarScope;
pub use workload::{OWNER_ANNOTATION, PROXY_ANNOTATION, SOCKET_ANNOTATION, TLS_MODE_LABEL, Workload};

pub(crate) use delegates::{Delegates, is_delegate, merged as merged_with_delegate};
pub(crate) use destination_rules::DestinationRuleIndex;
pub(crate) use gateways::{GatewayIndex, missing_credentials};
pub(crate) use inventory::Inventory;
pub(crate) use selection::LabelIndex;
pub(crate) use services::ServiceIndex;
pub(crate) use virtual_services::gateway_name;
pub(crate) use workloads::WorkloadIndex;

use crate::mesh::MeshSettings;
use crate::resource::{AnyResource, Meta, Resource};
use crate::resources::*;
use exposures::Exposures;
use mtls::AuthenticationIndex;
use virtual_services::VirtualServiceIndex;

/// One cluster's mesh at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct MeshSnapshot {
    settings: MeshSettings,
    inventory: Inventory,
    workloads: WorkloadIndex,
    services: ServiceIndex,
    destination_rules: DestinationRuleIndex,
    virtual_services: VirtualServiceIndex,
    gateways: GatewayIndex,
    authentication: AuthenticationIndex,
    exposures: Exposures,
    client_label_keys: BTreeSet<String>,
}

/// What is indexed before it is known which VirtualServices are refused.
pub(crate) struct Indexes {
    pub workloads: WorkloadIndex,
    pub services: ServiceIndex,
    pub destination_rules: DestinationRuleIndex,
    pub gateways: GatewayIndex,
}

impl MeshSnapshot {
    /// Of checked resources only; see [`crate::build`].
    pub(crate) fn new(settings: MeshSettings, inventory: Inventory, indexes: Indexes) -> MeshSnapshot {
        let Indexes { workloads, services, destination_rules, gateways } = indexes;
        let virtual_services = VirtualServiceIndex::build(&inventory.virtual_services, &settings);
        MeshSnapshot {
            exposures: Exposures::build(&gateways, &virtual_services, &services),
            virtual_services,
            authentication: AuthenticationIndex::build(&inventory, &settings),
            client_label_keys: client_labels::keys(&inventory),
            settings,
            inventory,
            workloads,
            services,
            destination_rules,
            gateways,
        }
    }

    pub fn settings(&self) -> &MeshSettings {
        &self.settings
    }

    /// The keys of those labels that can change what a client may call. Clients that agree in these
    /// get the same configuration.
    pub fn client_label_keys(&self) -> &BTreeSet<String> {
        &self.client_label_keys
    }

    /// All services, oldest first.
    pub fn services(&self) -> &[Arc<Service>] {
        self.services.all()
    }

    /// The oldest service of a host, whoever sees it.
    pub fn service(&self, host: &str) -> Option<&Arc<Service>> {
        self.services.of_host(host).next()
    }

    /// The service that a client in `namespace` means by `host`.
    pub fn visible_service(&self, namespace: &str, host: &str) -> Option<&Arc<Service>> {
        self.services.visible(namespace, host)
    }

    /// Every host once, as a client in `namespace` sees it; oldest first.
    pub fn services_visible_to(&self, namespace: &str) -> impl Iterator<Item = &Arc<Service>> {
        self.services.all().iter().filter(move |service| {
            service.is_visible_to(namespace)
                && self
                    .services
                    .visible(namespace, &service.host)
                    .is_some_and(|chosen| Arc::ptr_eq(chosen, service))
        })
    }

    pub fn workloads(&self) -> &[Arc<Workload>] {
        self.workloads.all()
    }

    pub fn workload_by_pod(&self, namespace: &str, name: &str) -> Option<&Arc<Workload>> {
        self.workloads.by_name(namespace, name)
    }

    pub fn workload_by_ip(&self, address: IpAddr) -> Option<&Arc<Workload>> {
        self.workloads.by_ip(address)
    }

    /// What a workload serves: service (oldest first), index of its port, port of the workload.
    pub fn services_of(&self, workload: &Workload) -> Vec<(Arc<Service>, usize, u16)> {
        self.services.served_by(workload)
    }

    /// The DestinationRule that holds for any client in `client_namespace` that calls `host`. Rules
    /// for chosen clients are left out.
    pub fn destination_rule(
        &self,
        client_namespace: &str,
        host: &str,
    ) -> Option<Arc<EffectiveDestinationRule>> {
        let service = self.visible_service(client_namespace, host)?;
        self.destination_rule_for(client_namespace, &BTreeMap::new(), service)
    }

    /// The DestinationRule that holds for a client with these labels.
    pub fn destination_rule_for(
        &self,
        client_namespace: &str,
        client_labels: &BTreeMap<String, String>,
        service: &Service,
    ) -> Option<Arc<EffectiveDestinationRule>> {
        self.destination_rules.find(client_namespace, client_labels, service)
    }

    /// VirtualServices for sidecars in `namespace`, oldest first, all names in them complete.
    pub fn virtual_services_for_mesh(&self, namespace: &str) -> Vec<Arc<Resource<VirtualService>>> {
        self.virtual_services.bound_to(MESH_GATEWAY, namespace)
    }

    /// VirtualServices bound to the Gateway `ns/name` that a proxy in `proxy_namespace` sees,
    /// oldest first, all names in them complete.
    pub fn virtual_services_for_gateway(
        &self,
        proxy_namespace: &str,
        gateway: &str,
    ) -> Vec<Arc<Resource<VirtualService>>> {
        self.virtual_services.bound_to(gateway, proxy_namespace)
    }

    /// Gateways that select a gateway proxy with these labels, oldest first; `./host` is written
    /// out.
    pub fn gateways_for(&self, labels: &BTreeMap<String, String>) -> Vec<Arc<Resource<Gateway>>> {
        self.gateways.selecting(labels)
    }

    pub fn gateways(&self) -> &[Arc<Resource<Gateway>>] {
        self.gateways.all()
    }

    /// By port, the SNIs by which outsiders reach a workload through gateways that do not open
    /// their TLS (`PASSTHROUGH`); `*` for any.
    pub fn exposures(&self, workload: &Workload) -> BTreeMap<u16, BTreeSet<String>> {
        self.exposures.of(&workload.addresses)
    }

    /// The endpoints at which calls of a service's port end: where an endpoint is the address or
    /// the name of another service of the mesh, that service's.
    pub fn reached<'a>(&'a self, service: &'a Service, port: u16) -> Vec<&'a Endpoint> {
        self.exposures.places(&self.services).behind_port(service, port)
    }

    /// Whether calls of a service of the mesh leave this cluster: a ServiceEntry that leads to a
    /// gateway of this cluster, or into another network. Whoever lets strangers call it lets them
    /// pass through.
    pub fn leads_out(&self, service: &Service) -> bool {
        let is_out = |endpoint: &&Endpoint| {
            let elsewhere = !endpoint.network.is_empty() && endpoint.network != self.settings.network;
            let workload = match endpoint.address {
                EndpointAddress::Ip(ip) => self.workload_by_ip(ip),
                _ => None,
            };
            elsewhere || workload.is_some_and(|workload| self.is_gateway(workload))
        };
        service.kind == ServiceKind::Entry
            && self.exposures.places(&self.services).all_behind(service).iter().any(is_out)
    }

    /// Whether a workload's proxy is configured by Gateways: one of them selects it by name, or it
    /// has the label that Istio's own have.
    pub fn is_gateway(&self, workload: &Workload) -> bool {
        let selects = |gateway: &Arc<Resource<Gateway>>| {
            let selector = &gateway.spec.selector;
            !selector.is_empty() && labels_match(selector, &workload.labels)
        };
        self.gateways().iter().any(selects)
            || workload.labels.get("istio").is_some_and(|name| name.ends_with("gateway"))
    }

    /// What a workload accepts at one of its ports, and which resource says so.
    pub fn server_mtls(&self, workload: &Workload, target_port: u16) -> ServerMtls {
        let serving = self.services.served_by(workload);
        self.authentication.mode(&workload.namespace, &workload.labels, target_port, &serving)
    }

    /// What an endpoint accepts; for endpoints without a known workload, by their labels alone.
    pub fn endpoint_mtls(&self, endpoint: &Endpoint) -> ServerMtls {
        match self.workload_by_pod(&endpoint.namespace, &endpoint.workload) {
            Some(workload) => self.server_mtls(workload, endpoint.port),
            None => self.authentication.mode(&endpoint.namespace, &endpoint.labels, endpoint.port, &[]),
        }
    }

    /// What clients assume of a namespace's services for automatic mutual TLS.
    pub fn inferred_mtls(&self, service: &Service) -> MtlsMode {
        self.inferred_server_mtls(service).mode
    }

    /// The same, and which resource says so.
    pub fn inferred_server_mtls(&self, service: &Service) -> ServerMtls {
        self.authentication.inferred(&service.namespace)
    }

    /// The identities that a service's endpoints may have: its `subjectAltNames`, and the SPIFFE
    /// IDs of their service accounts in this trust domain and its aliases. Sorted.
    pub fn identities_of(&self, service: &Service) -> BTreeSet<String> {
        let domains =
            || std::iter::once(&self.settings.trust_domain).chain(&self.settings.trust_domain_aliases);
        let known =
            service.endpoints.iter().flatten().filter(|endpoint| !endpoint.service_account.is_empty());
        let accounts: BTreeSet<(&str, &str)> =
            known.map(|endpoint| (endpoint.namespace.as_str(), endpoint.service_account.as_str())).collect();
        let ids = accounts.iter().flat_map(|(namespace, account)| {
            domains().map(move |domain| format!("spiffe://{domain}/ns/{namespace}/sa/{account}"))
        });
        ids.chain(service.subject_alt_names.iter().cloned()).collect()
    }

    /// For DNS: every name with addresses. Keys may be wildcards such as `*.global`.
    pub fn name_table(&self) -> BTreeMap<String, NameEntry> {
        names::table(self.services.all().iter().map(Arc::as_ref), &self.settings)
    }

    /// What the local runtime starts as pods.
    pub fn deployments(&self) -> &[Arc<Resource<Deployment>>] {
        &self.inventory.deployments
    }

    pub fn namespaces(&self) -> &[Arc<Resource<Namespace>>] {
        &self.inventory.namespaces
    }

    pub fn service_accounts(&self) -> &[Arc<Resource<ServiceAccount>>] {
        &self.inventory.service_accounts
    }

    /// All Sidecar resources, oldest first.
    pub fn sidecars(&self) -> &[Arc<Resource<Sidecar>>] {
        &self.inventory.sidecars
    }

    /// The Sidecar resource that holds for a workload of `namespace` with these labels.
    pub fn sidecar_for(&self, namespace: &str, labels: &BTreeMap<String, String>) -> Option<SidecarScope> {
        sidecars::scope_for(&self.inventory.sidecars, &self.settings.root_namespace, namespace, labels)
    }

    /// A Secret. Only proxies of its own namespace may get what is in it.
    pub fn secret(&self, namespace: &str, name: &str) -> Option<&Secret> {
        self.inventory.secret(namespace, name)
    }

    /// All AuthorizationPolicies, oldest first.
    pub fn authorization_policies(&self) -> &[Arc<Resource<AuthorizationPolicy>>] {
        &self.inventory.authorization_policies
    }

    /// The AuthorizationPolicies for a workload of `namespace` with these labels: the mesh's, then
    /// the namespace's, each oldest first. Some of them may have been refused (see
    /// [`crate::build`]).
    pub fn authorization_policies_for<'a>(
        &'a self,
        namespace: &'a str,
        labels: &'a BTreeMap<String, String>,
    ) -> impl Iterator<Item = &'a Arc<Resource<AuthorizationPolicy>>> {
        let all = &self.inventory.authorization_policies;
        authorization::policies_for(all, &self.settings.root_namespace, namespace, labels)
    }

    /// The resource behind a config path (see [`Meta::config_path`]): from a trace back to
    /// `file:line`.
    pub fn find(&self, config_path: &str) -> Option<&Meta> {
        self.inventory.by_path.get(config_path).map(AnyResource::meta)
    }

    /// All DestinationRules as they were written, oldest first.
    pub fn destination_rules(&self) -> &[Arc<Resource<DestinationRule>>] {
        &self.inventory.destination_rules
    }

    /// All ServiceEntries as they were written, oldest first.
    pub fn service_entries(&self) -> &[Arc<Resource<ServiceEntry>>] {
        &self.inventory.service_entries
    }

    /// Every VirtualService once, all names in it complete.
    pub fn complete_virtual_services(&self) -> Vec<Arc<Resource<VirtualService>>> {
        self.virtual_services.all()
    }

    /// Every merged DestinationRule, whoever sees it.
    pub fn all_destination_rules(&self) -> impl Iterator<Item = &Arc<EffectiveDestinationRule>> {
        self.destination_rules.all()
    }

    /// Everything that was applied.
    pub fn resources(&self) -> impl Iterator<Item = &AnyResource> {
        self.inventory.by_path.values()
    }
}
