//! Which ports of its pod a sidecar knows: those that services lead to or a Sidecar resource lists,
//! those with a policy of their own, and all the others.

use std::collections::BTreeSet;
use std::sync::Arc;

use carrick_model::resources::{LocalEndpoint, labels_match};
use carrick_model::snapshot::{ServerMtls, Service, ServicePort, SidecarScope, Workload};
use carrick_model::{AnyResource, Protocol};

use super::chain_specs::{Inner, chain_specs};
use super::exposed::{InboundChain, inbound_chains};
use crate::context::Context;
use crate::names;

/// A port of the pod, or, without a number, all that nothing speaks of.
pub(super) struct InboundPort {
    pub number: Option<u16>,
    pub serving: Option<Serving>,
    pub protocol: Protocol,
    /// Where the application listens, if not at the address that the client called.
    pub endpoint: Option<LocalEndpoint>,
    mtls: ServerMtls,
    /// The config path of the service, or of the policy where no service leads here.
    pub responsible: Option<String>,
    cluster: String,
    /// The SNIs by which outsiders come, over gateways that do not open their TLS.
    exposed: BTreeSet<String>,
}

/// The service behind a port; the oldest, if several lead to it.
pub(super) struct Serving {
    pub service: Arc<Service>,
    pub index: usize,
}

impl Serving {
    pub(super) fn port(&self) -> &ServicePort {
        &self.service.ports[self.index]
    }
}

impl InboundPort {
    pub(super) fn cluster(&self) -> &str {
        &self.cluster
    }

    pub(super) fn chains(&self) -> Vec<InboundChain> {
        let usual = chain_specs(self.protocol, self.mtls.mode, self.mtls.legacy);
        inbound_chains(self.protocol, &self.exposed, usual)
    }

    pub(super) fn chain_name(&self, inner: Inner) -> String {
        match (self.number, inner) {
            (Some(number), _) => names::bound(&names::WILDCARD, number),
            (None, Inner::Bytes) => names::VIRTUAL_INBOUND.to_owned(),
            (None, Inner::Http) => names::VIRTUAL_INBOUND_CATCH_ALL_HTTP.to_owned(),
        }
    }
}

/// By number, and the catch-all last. A proxy that is no known workload accepts nothing.
pub(super) fn inbound_ports(context: &Context<'_>) -> Vec<InboundPort> {
    let Some(workload) = context.workload() else { return vec![] };
    let mut ports = match context.sidecar() {
        Some(sidecar) if !sidecar.ingress().is_empty() => written(context, workload, sidecar),
        _ => served(context, workload),
    };
    let known: BTreeSet<u16> = ports.iter().filter_map(|port| port.number).collect();
    let mut exposed = context.snapshot.exposures(workload);
    exposed.remove(&names::INBOUND_CAPTURE_PORT);
    let mut unknown = with_own_policy(context, workload);
    unknown.extend(exposed.keys());
    for number in unknown.difference(&known) {
        ports.push(unserved(context, workload, Some(*number)));
    }
    for port in &mut ports {
        port.exposed = port.number.and_then(|number| exposed.remove(&number)).unwrap_or_default();
    }
    ports.sort_by_key(|port| port.number);
    ports.push(unserved(context, workload, None));
    ports
}

/// One per target port; services come oldest first.
fn served(context: &Context<'_>, workload: &Workload) -> Vec<InboundPort> {
    let mut seen = BTreeSet::new();
    let mut ports = Vec::new();
    for (service, index, number) in context.snapshot.services_of(workload) {
        let is_udp = service.ports[index].protocol == Protocol::Udp;
        if is_udp || number == names::INBOUND_CAPTURE_PORT || !seen.insert(number) {
            continue;
        }
        ports.push(InboundPort {
            number: Some(number),
            protocol: service.ports[index].protocol,
            endpoint: None,
            mtls: context.snapshot.server_mtls(workload, number),
            responsible: Some(service.meta.config_path()),
            cluster: names::inbound_cluster(number),
            serving: Some(Serving { service, index }),
            exposed: BTreeSet::new(),
        });
    }
    ports
}

/// The listeners of a Sidecar resource, which replace what services say about the ports of the pod.
/// A service that leads to one of them lends it its name.
fn written(context: &Context<'_>, workload: &Workload, sidecar: &SidecarScope) -> Vec<InboundPort> {
    let services = context.snapshot.services_of(workload);
    let mut ports: Vec<InboundPort> = Vec::new();
    for listener in sidecar.ingress() {
        let Some(port) = listener.port.as_ref().filter(|port| port.number != names::INBOUND_CAPTURE_PORT)
        else {
            continue;
        };
        let number = port.number;
        let behind = services.iter().find(|(_, _, target)| *target == number);
        ports.push(InboundPort {
            number: Some(number),
            protocol: Protocol::parse(&port.protocol),
            endpoint: listener.endpoint(),
            mtls: context.snapshot.server_mtls(workload, number),
            responsible: Some(sidecar.meta().config_path()),
            cluster: names::inbound_cluster(number),
            serving: behind.map(|(service, index, _)| Serving { service: service.clone(), index: *index }),
            exposed: BTreeSet::new(),
        });
    }
    ports
}

fn unserved(context: &Context<'_>, workload: &Workload, number: Option<u16>) -> InboundPort {
    let mtls = context.snapshot.server_mtls(workload, number.unwrap_or(0));
    let responsible = mtls.decided_by.clone();
    let cluster = names::INBOUND_PASSTHROUGH.to_owned();
    InboundPort {
        number,
        serving: None,
        protocol: Protocol::Auto,
        endpoint: None,
        mtls,
        responsible,
        cluster,
        exposed: BTreeSet::new(),
    }
}

/// `portLevelMtls` of policies that select this workload (`buildInboundChainConfigs`): such a port
/// has a mode of its own even where no service names it.
fn with_own_policy(context: &Context<'_>, workload: &Workload) -> BTreeSet<u16> {
    let mut ports = BTreeSet::new();
    for resource in context.snapshot.resources() {
        let AnyResource::PeerAuthentication(policy) = resource else { continue };
        let selects = policy.spec.selector.as_ref().is_some_and(|selector| {
            !selector.match_labels.is_empty() && labels_match(&selector.match_labels, &workload.labels)
        });
        if policy.meta.namespace == workload.namespace && selects {
            ports.extend(policy.spec.port_level_mtls.keys());
        }
    }
    ports.remove(&names::INBOUND_CAPTURE_PORT);
    ports
}
