//! What every part of a translation looks at: the mesh, the proxy, and what this proxy may see. It must not know any of Envoy's
//! resources except the access log, which every filter carries, and the guards at every door.

use std::net::IpAddr;
use std::sync::Arc;

use carrick_model::resources::VirtualService;
use carrick_model::snapshot::{EffectiveDestinationRule, MeshSnapshot, Service, ServicePort, Workload};
use carrick_model::{MeshSettings, OutboundPolicy, Resource};

use crate::access_log;
use crate::authorization::{self, Guards};
use crate::envoy::accesslog::AccessLog;
use crate::names;
use crate::node::{NodeKind, ProxyNode};

pub struct Context<'a> {
    pub snapshot: &'a MeshSnapshot,
    pub node: &'a ProxyNode,
    /// The services that the proxy's namespace may see, oldest first, each host once.
    pub services: Vec<Arc<Service>>,
    /// The VirtualServices that sidecars of the proxy's namespace follow, oldest first.
    virtual_services: Vec<Arc<Resource<VirtualService>>>,
    /// What every filter logs to; empty when logging is off.
    pub access_log: Vec<AccessLog>,
    /// What stands before everything that the proxy accepts.
    pub guards: Guards,
}

impl<'a> Context<'a> {
    pub fn new(snapshot: &'a MeshSnapshot, node: &'a ProxyNode) -> Self {
        let services = snapshot.services_visible_to(&node.namespace).cloned().collect();
        let access_log = snapshot.settings().access_log.iter().map(access_log::of_mesh).collect();
        let virtual_services = snapshot.virtual_services_for_mesh(&node.namespace);
        let guards = authorization::guards(snapshot, node);
        Context { snapshot, node, services, virtual_services, access_log, guards }
    }

    pub fn virtual_services(&self) -> &[Arc<Resource<VirtualService>>] {
        &self.virtual_services
    }

    pub fn settings(&self) -> &'a MeshSettings {
        self.snapshot.settings()
    }

    pub fn is_router(&self) -> bool {
        self.node.kind == NodeKind::Router
    }

    /// The service that this proxy means by a host.
    pub fn service(&self, host: &str) -> Option<&'a Arc<Service>> {
        self.snapshot.visible_service(&self.node.namespace, host)
    }

    /// The pod that the proxy stands in: by name, else by address.
    pub fn workload(&self) -> Option<&'a Arc<Workload>> {
        let by_name = self.snapshot.workload_by_pod(&self.node.namespace, &self.node.name);
        by_name.or_else(|| self.snapshot.workload_by_ip(IpAddr::V4(self.node.ip)))
    }

    /// The DestinationRule that this proxy uses for a service.
    pub fn destination_rule(&self, service: &Service) -> Option<Arc<EffectiveDestinationRule>> {
        self.snapshot.destination_rule_for(&self.node.namespace, &self.node.labels, service)
    }

    /// Where connections go that no service claims.
    pub fn unknown_destination(&self) -> &'static str {
        match self.settings().outbound_policy {
            OutboundPolicy::AllowAny => names::PASSTHROUGH,
            OutboundPolicy::RegistryOnly => names::BLACK_HOLE,
        }
    }

    /// Every TCP-based port of every visible service.
    pub fn ports(&self) -> impl Iterator<Item = (&Arc<Service>, usize, &ServicePort)> {
        self.services.iter().flat_map(|service| {
            service
                .ports
                .iter()
                .enumerate()
                .filter(|(_, port)| port.protocol != carrick_model::Protocol::Udp)
                .map(move |(index, port)| (service, index, port))
        })
    }
}
