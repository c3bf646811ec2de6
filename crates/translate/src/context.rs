//! What every part of a translation looks at: the mesh, the proxy, and what this proxy may see. It
//! must not know any of Envoy's resources except the access log, which every filter carries, and
//! the guards at every door.

use std::net::IpAddr;
use std::sync::Arc;

use carrick_model::resources::{MESH_GATEWAY, VirtualService};
use carrick_model::snapshot::{
    EffectiveDestinationRule, GatewayProxy, MatchContext, MeshSnapshot, Service, ServicePort, SidecarScope,
    Workload,
};
use carrick_model::{MeshSettings, OutboundPolicy, Resource};

use crate::access_log::Logs;
use crate::authorization::{self, Guards};
use crate::names;
use crate::node::{NodeKind, ProxyNode};
use crate::scope::Scope;

pub(crate) struct Context<'a> {
    pub snapshot: &'a MeshSnapshot,
    pub node: &'a ProxyNode,
    scope: Scope,
    /// What every filter logs to; empty when logging is off.
    pub access_log: Logs,
    /// What stands before everything that the proxy accepts.
    pub guards: Guards,
}

impl<'a> Context<'a> {
    pub(crate) fn new(snapshot: &'a MeshSnapshot, node: &'a ProxyNode) -> Self {
        let sidecar = match node.kind {
            NodeKind::Sidecar => snapshot.sidecar_for(&node.namespace, &node.labels),
            NodeKind::Router => None,
        };
        let scope = Scope::new(snapshot, &node.namespace, sidecar);
        let access_log = Logs::of_mesh(snapshot.settings());
        let guards = authorization::guards(snapshot, node);
        Context { snapshot, node, scope, access_log, guards }
    }

    /// The services that the proxy may call, oldest first, each host once.
    pub(crate) fn services(&self) -> &[Arc<Service>] {
        &self.scope.services
    }

    /// The VirtualServices that this sidecar follows for calls to a port, oldest first.
    pub(crate) fn virtual_services(&self, port: u16) -> impl Iterator<Item = &Arc<Resource<VirtualService>>> {
        self.scope.rules(port)
    }

    /// The VirtualService that speaks for a host in the mesh.
    pub(crate) fn rule_for(&self, host: &str, port: u16) -> Option<&Arc<Resource<VirtualService>>> {
        self.scope.rule_for(host, port)
    }

    /// The ExternalNames that stand for a host.
    pub(crate) fn aliases(&self, host: &str) -> impl Iterator<Item = &Arc<Service>> {
        self.scope.aliases(host)
    }

    /// The Sidecar resource that holds for this proxy.
    pub(crate) fn sidecar(&self) -> Option<&SidecarScope> {
        self.scope.sidecar.as_ref()
    }

    pub(crate) fn settings(&self) -> &'a MeshSettings {
        self.snapshot.settings()
    }

    pub(crate) fn is_router(&self) -> bool {
        self.node.kind == NodeKind::Router
    }

    /// The service that this proxy means by a host.
    pub(crate) fn service(&self, host: &str) -> Option<&Arc<Service>> {
        match self.scope.sidecar {
            None => self.snapshot.visible_service(&self.node.namespace, host),
            Some(_) => self.scope.imported(host),
        }
    }

    /// The pod that the proxy stands in: by name, else by address.
    pub(crate) fn workload(&self) -> Option<&'a Arc<Workload>> {
        let by_name = self.snapshot.workload_by_pod(&self.node.namespace, &self.node.name);
        by_name.or_else(|| self.snapshot.workload_by_ip(IpAddr::V4(self.node.ip)))
    }

    /// This proxy as conditions of the mesh's VirtualServices see it, for calls to a port.
    pub(crate) fn in_mesh(&self, port: u16) -> MatchContext<'a> {
        MatchContext {
            gateway: MESH_GATEWAY,
            port,
            labels: &self.node.labels,
            namespace: &self.node.namespace,
        }
    }

    /// This proxy as Gateways and VirtualServices look at it.
    pub(crate) fn gateway_proxy(&self) -> GatewayProxy<'a> {
        GatewayProxy {
            namespace: &self.node.namespace,
            labels: &self.node.labels,
            workload: self.workload().map(Arc::as_ref),
        }
    }

    /// The DestinationRule that this proxy uses for a service.
    pub(crate) fn destination_rule(&self, service: &Service) -> Option<Arc<EffectiveDestinationRule>> {
        self.snapshot.destination_rule_for(&self.node.namespace, &self.node.labels, service)
    }

    /// What happens to connections that no service claims: the Sidecar's word, else the mesh's.
    pub(crate) fn outbound_policy(&self) -> OutboundPolicy {
        self.sidecar().and_then(SidecarScope::outbound_policy).unwrap_or(self.settings().outbound_policy)
    }

    /// Where they go.
    pub(crate) fn unknown_destination(&self) -> &'static str {
        match self.outbound_policy() {
            OutboundPolicy::AllowAny => names::PASSTHROUGH,
            OutboundPolicy::RegistryOnly => names::BLACK_HOLE,
        }
    }

    /// Every TCP-based port of every service that the proxy may call.
    pub(crate) fn ports(&self) -> impl Iterator<Item = (&Arc<Service>, usize, &ServicePort)> {
        self.services().iter().flat_map(|service| {
            let ports = service.ports.iter().enumerate().filter(|(_, port)| {
                port.protocol != carrick_model::Protocol::Udp && self.scope.has_port(service, port.number)
            });
            ports.map(move |(index, port)| (service, index, port))
        })
    }
}
