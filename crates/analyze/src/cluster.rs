//! One cluster as the rules see it: who calls, and which gateway proxies stand at its edge.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::run::Running;
use carrick_model::federation::FederatedCluster;
use carrick_model::mesh::OutboundPolicy;
use carrick_model::resource::AnyResource;
use carrick_model::snapshot::{
    Endpoint, EndpointAddress, GatewayListener, GatewayProxy, GatewayServer, LeftOut, ListenerProtocol,
    MeshSnapshot, Service, SniClaim, TLS_MODE_LABEL, Workload,
};

pub(super) struct Cluster<'a> {
    pub written: &'a FederatedCluster,
    pub snapshot: &'a MeshSnapshot,
    pub clients: Vec<Client>,
    pub gateways: Vec<GatewayPod>,
}

/// Sidecars that get the same configuration: of their labels only those count that some rule asks
/// for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Client {
    pub namespace: String,
    pub labels: BTreeMap<String, String>,
}

/// Gateway proxies that get the same configuration, and one pod that stands for them.
pub(super) struct GatewayPod {
    pub workload: Arc<Workload>,
    pub listeners: Vec<Listener>,
    /// Servers of its Gateways that it does not have.
    pub left_out: Vec<LeftOut>,
    /// Made when somebody asks.
    running: OnceCell<Running>,
}

/// One port of a gateway proxy, with what its servers do by SNI.
pub(super) struct Listener {
    pub port: GatewayListener,
    pub claims: Vec<SniClaim>,
}

impl Listener {
    pub(super) fn is_tls(&self) -> bool {
        self.port.protocol == ListenerProtocol::Tls
    }

    /// The server names for which it has a chain.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.claims.iter().filter(|claim| claim.taken.is_none()).flat_map(|claim| &claim.names)
    }
}

impl GatewayPod {
    fn new(snapshot: &MeshSnapshot, workload: &Arc<Workload>) -> GatewayPod {
        let proxy = GatewayProxy::in_pod(workload);
        let found = snapshot.gateway_listeners(proxy);
        let listener = |port: GatewayListener| {
            let claims = snapshot.sni_claims(proxy, &port);
            Listener { port, claims }
        };
        GatewayPod {
            workload: workload.clone(),
            listeners: found.listeners.into_iter().map(listener).collect(),
            left_out: found.left_out,
            running: OnceCell::new(),
        }
    }

    /// This proxy with the resources that it runs.
    pub(super) fn running(&self, snapshot: &MeshSnapshot) -> &Running {
        self.running.get_or_init(|| Running::gateway(snapshot, &self.workload))
    }

    /// This proxy as Gateways and VirtualServices look at it.
    pub(super) fn proxy(&self) -> GatewayProxy<'_> {
        GatewayProxy::in_pod(&self.workload)
    }

    /// Every server that the proxy has.
    pub(super) fn servers(&self) -> impl Iterator<Item = &GatewayServer> {
        self.listeners.iter().flat_map(|listener| &listener.port.servers)
    }
}

impl<'a> Cluster<'a> {
    pub(super) fn new(written: &'a FederatedCluster, snapshot: &'a MeshSnapshot) -> Cluster<'a> {
        let (gateways, others): (Vec<_>, Vec<_>) =
            snapshot.workloads().iter().partition(|workload| snapshot.is_gateway(workload));
        let mut seen = BTreeSet::new();
        let distinct = gateways.into_iter().filter(|w| seen.insert((w.namespace.clone(), w.labels.clone())));
        let proxies = distinct.map(|workload| GatewayPod::new(snapshot, workload));
        Cluster { written, snapshot, clients: clients(snapshot, &others), gateways: proxies.collect() }
    }

    pub(super) fn name(&self) -> &str {
        &self.written.name
    }

    /// Whether some sidecar passes connections to unknown destinations on. A Sidecar resource
    /// counts before the mesh's setting.
    pub(super) fn lets_unknown_out(&self) -> bool {
        let of_mesh = self.snapshot.settings().outbound_policy;
        let of_client = |client: &Client| {
            let sidecar = self.snapshot.sidecar_for(&client.namespace, &client.labels);
            sidecar.and_then(|scope| scope.outbound_policy()).unwrap_or(of_mesh)
        };
        self.clients.iter().any(|client| of_client(client) == OutboundPolicy::AllowAny)
    }

    /// The gateway proxy that has this endpoint's address.
    pub(super) fn gateway_at(&self, endpoint: &Endpoint) -> Option<&GatewayPod> {
        let workload = self.workload_of(endpoint)?;
        self.gateways.iter().find(|proxy| {
            proxy.workload.namespace == workload.namespace && proxy.workload.labels == workload.labels
        })
    }

    /// The gateway proxy behind the cluster's ingress address.
    pub(super) fn ingress(&self) -> Option<&GatewayPod> {
        let is_ingress = |proxy: &&GatewayPod| {
            proxy.workload.labels.get("istio").is_some_and(|name| name == "ingressgateway")
        };
        self.gateways.iter().find(is_ingress)
    }

    pub(super) fn workload_of(&self, endpoint: &Endpoint) -> Option<&Arc<Workload>> {
        match endpoint.address {
            EndpointAddress::Ip(ip) => self.snapshot.workload_by_ip(ip),
            EndpointAddress::Host(_) | EndpointAddress::Unix(_) => None,
        }
    }

    /// The endpoints that an endpoint leads to: itself, or, behind the name of a Service of this
    /// cluster, that Service's.
    pub(super) fn reached_by(&self, namespace: &str, endpoint: &Endpoint) -> Vec<Endpoint> {
        let EndpointAddress::Host(name) = &endpoint.address else { return vec![endpoint.clone()] };
        let Some(service) = self.snapshot.visible_service(namespace, name) else { return Vec::new() };
        // The name resolves to the Service's own address, so the port is a port of the Service.
        let port = service.port(endpoint.port).map(|(index, _)| index);
        let own = port.map(|index| service.endpoints_of(index)).unwrap_or_default();
        own.iter().filter(|one| matches!(one.address, EndpointAddress::Ip(_))).cloned().collect()
    }

    /// Whether connections to a service come to the gateway proxy that makes them.
    pub(super) fn leads_back(&self, proxy: &GatewayPod, service: &Service) -> bool {
        let endpoints = service.endpoints.iter().flatten();
        let mut reached = endpoints.flat_map(|endpoint| self.reached_by(&proxy.workload.namespace, endpoint));
        reached.any(|endpoint| {
            self.gateway_at(&endpoint).is_some_and(|other| Arc::ptr_eq(&other.workload, &proxy.workload))
        })
    }

    /// The service that a proxy in `namespace` means by `host`; a wildcard one where no other has
    /// the name.
    pub(super) fn service(&self, namespace: &str, host: &str) -> Option<&'a Arc<Service>> {
        let wildcard = || {
            let mut all = self.snapshot.services_visible_to(namespace);
            all.find(|service| service.is_wildcard() && carrick_model::host::is_subset(host, &service.host))
        };
        self.snapshot.visible_service(namespace, host).or_else(wildcard)
    }
}

/// Everybody with a sidecar. Where the files hold no workloads (they may be applied by another
/// hand), every namespace that the mesh's resources name could call.
fn clients(snapshot: &MeshSnapshot, workloads: &[&Arc<Workload>]) -> Vec<Client> {
    let asked = asked_labels(snapshot);
    let of_workload = |workload: &&Arc<Workload>| {
        let mut labels = workload.labels.clone();
        labels.retain(|name, _| asked.contains(name));
        Client { namespace: workload.namespace.clone(), labels }
    };
    let known: BTreeSet<Client> = workloads
        .iter()
        .filter(|workload| workload.labels.get(TLS_MODE_LABEL).is_some_and(|mode| mode == "istio"))
        .map(of_workload)
        .collect();
    if !workloads.is_empty() {
        return known.into_iter().collect();
    }
    let named: BTreeSet<Client> = snapshot
        .resources()
        .map(AnyResource::meta)
        .filter(|meta| !meta.namespace.is_empty() && meta.namespace != snapshot.settings().root_namespace)
        .map(|meta| Client { namespace: meta.namespace.clone(), labels: BTreeMap::new() })
        .collect();
    named.into_iter().collect()
}

/// The labels by which DestinationRules and Sidecars choose clients.
fn asked_labels(snapshot: &MeshSnapshot) -> BTreeSet<String> {
    let rules = snapshot.destination_rules().iter().map(|rule| &rule.spec);
    let of_rules =
        rules.filter_map(|spec| spec.workload_selector.as_ref()).flat_map(|one| one.match_labels.keys());
    let sidecars = snapshot.sidecars().iter().map(|sidecar| &sidecar.spec);
    let of_sidecars =
        sidecars.filter_map(|spec| spec.workload_selector.as_ref()).flat_map(|one| one.labels.keys());
    of_rules.chain(of_sidecars).cloned().collect()
}
