//! What of the mesh a proxy sees: what is exported to its namespace and imported by its Sidecar
//! resource (`pilot/pkg/model/sidecar.go`). Gateways see everything that is exported to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use carrick_model::Resource;
use carrick_model::host;
use carrick_model::resources::{Destination, VirtualService};
use carrick_model::snapshot::{MeshSnapshot, Resolution, Service, ServiceKind, SidecarScope};

/// The services and rules that one proxy works with.
pub(crate) struct Scope {
    pub sidecar: Option<SidecarScope>,
    /// Oldest first, each host once.
    pub services: Vec<Arc<Service>>,
    /// The places of hosts among them.
    by_host: BTreeMap<String, usize>,
    /// The places of ExternalNames among them, by the host that they stand for.
    aliases: BTreeMap<String, Vec<usize>>,
    /// For the mesh, oldest first.
    virtual_services: Vec<Arc<Resource<VirtualService>>>,
    /// The places of rules among them by their hosts.
    rules_by_host: BTreeMap<String, Vec<usize>>,
    /// Hosts that are there only because a rule leads to them, with the ports that it names;
    /// `None`: all.
    led_to: BTreeMap<String, BTreeSet<Option<u16>>>,
}

impl Scope {
    /// All that is exported to `namespace`, or what `sidecar` takes of it.
    pub(crate) fn new(snapshot: &MeshSnapshot, namespace: &str, sidecar: Option<SidecarScope>) -> Scope {
        let mut virtual_services = snapshot.virtual_services_for_mesh(namespace);
        let Some(scope) = &sidecar else {
            let services: Vec<_> = snapshot.services_visible_to(namespace).cloned().collect();
            return Scope {
                sidecar,
                aliases: aliases(&services),
                services,
                by_host: BTreeMap::new(),
                rules_by_host: by_rule_host(&virtual_services),
                virtual_services,
                led_to: BTreeMap::new(),
            };
        };
        virtual_services.retain(|rule| !scope.ports_of_rule(rule).is_empty());
        let mut chosen = imported(snapshot, namespace, scope);
        let mut led_to: BTreeMap<String, BTreeSet<Option<u16>>> = BTreeMap::new();
        for rule in &virtual_services {
            let listeners = scope.ports_of_rule(rule);
            for destination in destinations(&rule.spec) {
                let Some(service) = snapshot.visible_service(namespace, &destination.host) else { continue };
                chosen.entry(&service.host).or_insert(service);
                let named = destination.port.map(|port| port.number);
                led_to
                    .entry(service.host.clone())
                    .or_default()
                    .extend(listeners.iter().map(|own| named.or(*own)));
            }
        }
        let is_chosen = |service: &&Arc<Service>| {
            chosen.get(service.host.as_str()).is_some_and(|one| Arc::ptr_eq(one, service))
        };
        let services: Vec<_> = snapshot.services().iter().filter(is_chosen).cloned().collect();
        let places = services.iter().enumerate().map(|(place, service)| (service.host.clone(), place));
        let by_host = places.collect();
        let rules_by_host = by_rule_host(&virtual_services);
        let aliases = aliases(&services);
        Scope { sidecar, aliases, services, by_host, virtual_services, rules_by_host, led_to }
    }

    /// The service of a host in the scope of a Sidecar resource.
    pub(crate) fn imported(&self, host: &str) -> Option<&Arc<Service>> {
        self.by_host.get(host).map(|place| &self.services[*place])
    }

    /// The ExternalNames that stand for a host.
    pub(crate) fn aliases(&self, host: &str) -> impl Iterator<Item = &Arc<Service>> {
        self.aliases.get(host).into_iter().flatten().map(|place| &self.services[*place])
    }

    /// The rules for calls to one port.
    pub(crate) fn rules(&self, port: u16) -> impl Iterator<Item = &Arc<Resource<VirtualService>>> {
        self.virtual_services
            .iter()
            .filter(move |rule| self.sidecar.as_ref().is_none_or(|sidecar| sidecar.imports_rule(rule, port)))
    }

    /// The rule for calls to one port of a host: that of the exact name, else of the longest
    /// wildcard; the oldest of equals.
    pub(crate) fn rule_for(&self, host: &str, port: u16) -> Option<&Arc<Resource<VirtualService>>> {
        let holds = |rule: &&Arc<Resource<VirtualService>>| {
            self.sidecar.as_ref().is_none_or(|sidecar| sidecar.imports_rule(rule, port))
        };
        let mut places = host::covering(host).filter_map(|host| self.rules_by_host.get(host.as_ref()));
        places.find_map(|places| places.iter().map(|place| &self.virtual_services[*place]).find(holds))
    }

    /// Whether one port of a service in this scope is called.
    pub(crate) fn has_port(&self, service: &Service, port: u16) -> bool {
        let Some(sidecar) = &self.sidecar else { return true };
        sidecar.imports_port(service, port)
            || self
                .led_to
                .get(&service.host)
                .is_some_and(|ports| ports.contains(&None) || ports.contains(&Some(port)))
    }
}

fn by_rule_host(rules: &[Arc<Resource<VirtualService>>]) -> BTreeMap<String, Vec<usize>> {
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, rule) in rules.iter().enumerate() {
        for host in &rule.spec.hosts {
            places.entry(host.clone()).or_default().push(place);
        }
    }
    places
}

fn aliases(services: &[Arc<Service>]) -> BTreeMap<String, Vec<usize>> {
    let mut aliases: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, service) in services.iter().enumerate() {
        if let Resolution::Alias(target) = &service.resolution {
            aliases.entry(target.clone()).or_default().push(place);
        }
    }
    aliases
}

/// The imported services by host; of several with one host the namespace's own, else Kubernetes',
/// else the oldest.
fn imported<'a>(
    snapshot: &'a MeshSnapshot,
    namespace: &str,
    scope: &SidecarScope,
) -> BTreeMap<&'a str, &'a Arc<Service>> {
    let rank = |service: &Service| (service.namespace != namespace, service.kind == ServiceKind::Entry);
    let mut chosen: BTreeMap<&str, &Arc<Service>> = BTreeMap::new();
    let visible = snapshot.services().iter().filter(|service| service.is_visible_to(namespace));
    for service in visible.filter(|service| scope.imports(service)) {
        let known = chosen.entry(&service.host).or_insert(service);
        if rank(service) < rank(known) {
            *known = service;
        }
    }
    chosen
}

fn destinations(spec: &VirtualService) -> impl Iterator<Item = &Destination> {
    let http = spec.http.iter().flat_map(|route| {
        let routed = route.route.iter().filter_map(|to| to.destination.as_ref());
        let copied = route.mirrors.iter().filter_map(|to| to.destination.as_ref());
        routed.chain(copied).chain(&route.mirror)
    });
    let tls = spec.tls.iter().flat_map(|route| &route.route);
    let tcp = spec.tcp.iter().flat_map(|route| &route.route);
    http.chain(tls.chain(tcp).filter_map(|to| to.destination.as_ref()))
}
