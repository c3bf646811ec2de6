//! Which Sidecar resource holds for a proxy, and what it lets it see (Istio `model/sidecar.go`;
//! Istio reference, `Sidecar`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::service::Service;
use crate::host;
use crate::mesh::OutboundPolicy;
use crate::resource::{Meta, Resource};
use crate::resources::{
    ConnectionPoolSettings, IstioEgressListener, IstioIngressListener, OutboundMode, Sidecar, VirtualService,
    labels_match,
};

/// The Sidecar that holds for a workload: of those in its namespace that select it the oldest, else
/// the oldest for all of the namespace, else the root namespace's for everybody.
pub(crate) fn scope_for(
    all: &[Arc<Resource<Sidecar>>],
    root_namespace: &str,
    namespace: &str,
    labels: &BTreeMap<String, String>,
) -> Option<SidecarScope> {
    let selector = |one: &Arc<Resource<Sidecar>>| {
        one.spec.workload_selector.as_ref().map(|selector| selector.labels.clone()).filter(|l| !l.is_empty())
    };
    let of = |wanted: &str| all.iter().filter(move |one| one.meta.namespace == wanted).collect::<Vec<_>>();
    let own = of(namespace);
    let selecting =
        own.iter().copied().find(|one| selector(one).is_some_and(|wanted| labels_match(&wanted, labels)));
    let for_all =
        |list: Vec<&Arc<Resource<Sidecar>>>| list.into_iter().find(|one| selector(one).is_none()).cloned();
    let found = selecting.cloned().or_else(|| for_all(own)).or_else(|| for_all(of(root_namespace)))?;
    Some(SidecarScope { namespace: namespace.to_owned(), resource: found })
}

/// What one proxy sees of the mesh.
#[derive(Debug, Clone, PartialEq)]
pub struct SidecarScope {
    /// The proxy's own, which `.` stands for.
    namespace: String,
    resource: Arc<Resource<Sidecar>>,
}

impl SidecarScope {
    pub fn meta(&self) -> &Meta {
        &self.resource.meta
    }

    /// Whether the proxy can call this port of a service. A listener for one port is alone
    /// responsible for it.
    pub fn imports_port(&self, service: &Service, port: u16) -> bool {
        self.resource.spec.egress.is_empty()
            || self.responsible_for(port).any(|listener| {
                self.admits(listener, &service.namespace, |wanted| host::is_subset(&service.host, wanted))
            })
    }

    /// Whether the proxy sees a service on any of its ports.
    pub fn imports(&self, service: &Service) -> bool {
        service.ports.iter().any(|port| self.imports_port(service, port.number))
    }

    /// Whether the proxy follows a VirtualService on this port: one of its hosts overlaps with what
    /// is imported from its namespace.
    pub fn imports_rule(&self, rule: &Resource<VirtualService>, port: u16) -> bool {
        self.resource.spec.egress.is_empty()
            || self.responsible_for(port).any(|listener| self.takes(listener, rule))
    }

    /// The ports of listeners of their own on which the proxy follows a VirtualService, `None`
    /// standing for all others.
    pub fn ports_of_rule(&self, rule: &Resource<VirtualService>) -> BTreeSet<Option<u16>> {
        let egress = &self.resource.spec.egress;
        if egress.is_empty() {
            return [None].into();
        }
        egress.iter().filter(|listener| self.takes(listener, rule)).map(own_port).collect()
    }

    fn takes(&self, listener: &IstioEgressListener, rule: &Resource<VirtualService>) -> bool {
        self.admits(listener, &rule.meta.namespace, |wanted| {
            rule.spec.hosts.iter().any(|host| host::overlaps(host, wanted))
        })
    }

    /// The listeners of the port's own, or, if it has none, those for all ports.
    fn responsible_for(&self, port: u16) -> impl Iterator<Item = &IstioEgressListener> {
        let egress = &self.resource.spec.egress;
        let wanted = egress.iter().any(|listener| own_port(listener) == Some(port)).then_some(port);
        egress.iter().filter(move |listener| own_port(listener) == wanted)
    }

    /// What happens to calls to unknown destinations, if this Sidecar says so.
    pub fn outbound_policy(&self) -> Option<OutboundPolicy> {
        Some(match self.resource.spec.outbound_traffic_policy.as_ref()?.mode {
            OutboundMode::RegistryOnly => OutboundPolicy::RegistryOnly,
            OutboundMode::AllowAny => OutboundPolicy::AllowAny,
        })
    }

    /// Limits of the connections to the application: of the listener for this port, else of all.
    pub fn inbound_pool(&self, port: u16) -> Option<&ConnectionPoolSettings> {
        let is_for = |listener: &&IstioIngressListener| {
            listener.port.as_ref().is_some_and(|declared| declared.number == port)
        };
        let own = self.ingress().iter().find(is_for).and_then(|listener| listener.connection_pool.as_ref());
        own.or(self.resource.spec.inbound_connection_pool.as_ref())
    }

    /// What the proxy listens on, instead of what services say.
    pub fn ingress(&self) -> &[IstioIngressListener] {
        &self.resource.spec.ingress
    }

    /// `namespace/host`: `*` any namespace, `.` the proxy's own, `~` none.
    fn admits(
        &self,
        listener: &IstioEgressListener,
        namespace: &str,
        is_host: impl Fn(&str) -> bool,
    ) -> bool {
        listener.hosts.iter().filter_map(|written| written.split_once('/')).any(|(of, wanted)| {
            let in_namespace = match of {
                "~" => false,
                "*" => true,
                "." => namespace == self.namespace,
                of => of == namespace,
            };
            in_namespace && is_host(&host::canonical(wanted))
        })
    }
}

/// The only port that a listener is for.
fn own_port(listener: &IstioEgressListener) -> Option<u16> {
    listener.port.as_ref().map(|port| port.number)
}
