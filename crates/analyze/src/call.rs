//! The calls that sidecars can make, as far as it is decided how they encrypt: by a
//! DestinationRule, or because an imported name has none.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::cluster::{Client, Cluster};
use super::run::{Hello, Hosts, Running};
use carrick_model::host;
use carrick_model::resource::Meta;
use carrick_model::resources::{ClientTlsMode, ClientTlsSettings, Destination, TrafficPolicy};
use carrick_model::snapshot::{EffectiveDestinationRule, Service, ServiceKind, ServicePort};

pub(super) struct Call<'a> {
    /// Which of the federation's clusters.
    pub cluster: usize,
    pub client: &'a Client,
    pub service: &'a Arc<Service>,
    /// The index of the service's port.
    pub port: usize,
    subset: String,
    rule: Option<Arc<EffectiveDestinationRule>>,
    pub tls: Option<ClientTlsSettings>,
    /// What the client's proxy says first, where it encrypts.
    pub hello: Hello,
    /// Where the client's proxy connects to.
    pub hosts: Hosts,
}

/// A place to show: a field of a resource.
#[derive(Clone)]
pub(super) struct Site {
    pub meta: Meta,
    pub field: String,
}

/// Every call of a cluster's clients.
pub(super) fn calls<'a>(number: usize, cluster: &'a Cluster<'_>) -> Vec<Call<'a>> {
    let mut found = Vec::new();
    for client in &cluster.clients {
        let running = Running::client(cluster.snapshot, &client.namespace, &client.labels);
        let sidecar = cluster.snapshot.sidecar_for(&client.namespace, &client.labels);
        let mut rerouted = cluster.snapshot.virtual_services_for_mesh(&client.namespace);
        rerouted.retain(|one| sidecar.as_ref().is_none_or(|scope| !scope.ports_of_rule(one).is_empty()));
        let hosts: BTreeSet<&String> = rerouted.iter().flat_map(|one| &one.spec.hosts).collect();
        let is_rerouted = |host: &String| {
            let mut wildcards = hosts.iter().filter(|wanted| host::is_wildcard(wanted));
            hosts.contains(host) || wildcards.any(|wanted| host::is_subset(host, wanted))
        };
        let sees = |service: &Service, port: usize| {
            sidecar.as_ref().is_none_or(|scope| scope.imports_port(service, service.ports[port].number))
        };
        for service in cluster.snapshot.services_visible_to(&client.namespace) {
            if is_rerouted(&service.host) {
                continue;
            }
            let seen = (0..service.ports.len()).filter(|port| sees(service, *port));
            found.extend(seen.map(|port| Call::new(number, cluster, client, &running, service, (port, ""))));
        }
        for destination in rerouted.iter().flat_map(|one| destinations(one)) {
            let Some(service) = cluster.service(&client.namespace, &destination.host) else { continue };
            let port = match destination.port {
                Some(port) => service.port(port.number).map(|(index, _)| index),
                None if service.ports.len() == 1 => Some(0),
                None => None,
            };
            found.extend(port.map(|port| {
                Call::new(number, cluster, client, &running, service, (port, &destination.subset))
            }));
        }
    }
    found.retain(|call| call.is_decided(cluster));
    found
}

fn destinations(
    resource: &carrick_model::resource::Resource<carrick_model::resources::VirtualService>,
) -> Vec<&Destination> {
    let spec = &resource.spec;
    let http = spec.http.iter().flat_map(|route| &route.route).filter_map(|to| to.destination.as_ref());
    let tls = spec.tls.iter().flat_map(|route| &route.route);
    let tcp = spec.tcp.iter().flat_map(|route| &route.route);
    http.chain(tls.chain(tcp).filter_map(|to| to.destination.as_ref())).collect()
}

impl<'a> Call<'a> {
    fn new(
        number: usize,
        cluster: &Cluster<'_>,
        client: &'a Client,
        running: &Running,
        service: &'a Arc<Service>,
        (port, subset): (usize, &str),
    ) -> Call<'a> {
        let rule = cluster.snapshot.destination_rule_for(&client.namespace, &client.labels, service);
        let subset_of_rule = (!subset.is_empty()).then_some(subset);
        let tls = rule.as_ref().and_then(|rule| rule.policy(service.ports[port].number, subset_of_rule).tls);
        let upstream = format!("outbound|{}|{subset}|{}", service.ports[port].number, service.host);
        let hello = running.hello(&upstream, &service.host);
        let (subset, hosts) = (subset.to_owned(), running.hosts(&upstream));
        Call { cluster: number, client, service, port, subset, rule, tls, hello, hosts }
    }

    /// Whether the files say how this call encrypts. Automatic mutual TLS finds its own way; so
    /// does an application's own TLS.
    fn is_decided(&self, cluster: &Cluster<'_>) -> bool {
        let of_import = self.service.kind == ServiceKind::Entry
            && self.port().protocol.is_http()
            && cluster.snapshot.settings().is_global(&self.service.host);
        let known_name =
            !self.service.is_wildcard() || self.tls.as_ref().is_some_and(|tls| !tls.sni.is_empty());
        known_name && (self.tls.is_some() || of_import)
    }

    pub(super) fn port(&self) -> &ServicePort {
        &self.service.ports[self.port]
    }

    /// The mode in which the sidecar encrypts; `None` for plain text.
    pub(super) fn mode(&self) -> Option<ClientTlsMode> {
        self.tls.as_ref().map(|tls| tls.mode).filter(|mode| *mode != ClientTlsMode::Disable)
    }

    /// The server name that the sidecar sends.
    pub(super) fn sni(&self) -> &str {
        &self.hello.server_name
    }

    /// The names of which the server must have one; empty: any.
    pub(super) fn names(&self) -> &[String] {
        match &self.tls {
            Some(tls) if !tls.subject_alt_names.is_empty() => &tls.subject_alt_names,
            Some(tls) if tls.insecure_skip_verify == Some(true) => &[],
            _ => &self.service.subject_alt_names,
        }
    }

    /// Where it is written that the call encrypts, or does not; the host itself where nothing is.
    pub(super) fn site(&self) -> Site {
        self.block().unwrap_or_else(|| self.host_site())
    }

    /// Where the names are written that the server must have.
    pub(super) fn names_site(&self) -> Site {
        match (&self.tls, self.block()) {
            (Some(tls), Some(block)) if !tls.subject_alt_names.is_empty() => {
                Site { field: format!("{}.subjectAltNames[0]", block.field), ..block }
            }
            _ => Site { meta: Meta::clone(&self.service.meta), field: "spec.subjectAltNames[0]".to_owned() },
        }
    }

    pub(super) fn host_site(&self) -> Site {
        let field = match self.service.kind {
            ServiceKind::Entry => "spec.hosts[0]",
            ServiceKind::Kubernetes => "metadata.name",
        };
        Site { meta: Meta::clone(&self.service.meta), field: field.to_owned() }
    }

    /// The `tls` block that holds: the subset's before the rule's, a port's before the whole's.
    fn block(&self) -> Option<Site> {
        self.tls.as_ref()?;
        let rule = self.rule.as_ref()?;
        let of_subsets = rule.rules.iter().find_map(|one| {
            let number = one.spec.subsets.iter().position(|subset| subset.name == self.subset)?;
            let policy = one.spec.subsets[number].traffic_policy.as_ref()?;
            let field = self.field_in(&format!("spec.subsets[{number}].trafficPolicy"), policy)?;
            Some(Site { meta: one.meta.clone(), field })
        });
        let of_rules = || {
            rule.rules.iter().find_map(|one| {
                let field = self.field_in("spec.trafficPolicy", one.spec.traffic_policy.as_ref()?)?;
                Some(Site { meta: one.meta.clone(), field })
            })
        };
        of_subsets.or_else(of_rules)
    }

    fn field_in(&self, field: &str, policy: &TrafficPolicy) -> Option<String> {
        let of_port = policy.port_level_settings.iter().position(|settings| {
            settings.tls.is_some() && settings.port.is_some_and(|port| port.number == self.port().number)
        });
        match of_port {
            Some(number) => Some(format!("{field}.portLevelSettings[{number}].tls")),
            None => policy.tls.as_ref().map(|_| format!("{field}.tls")),
        }
    }
}
