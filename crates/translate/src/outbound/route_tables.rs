//! The route tables that outbound listeners name: one per HTTP port, and one per sniffed address.

use std::collections::BTreeSet;

use super::plan::Plans;
use super::virtual_hosts::{absolute, domains, of_service, of_unregistered, unregistered};
use crate::context::Context;
use crate::duration::duration;
use crate::envoy::route::route_action::ClusterSpecifier;
use crate::envoy::route::{DirectResponseAction, Route, RouteAction, RouteConfiguration, VirtualHost, route};
use crate::names;
use crate::routes;
use carrick_model::OutboundPolicy;

/// Hosts that no registry knows are served on this port only, whatever the port that was called
/// (Istio).
const UNREGISTERED_PORT: u16 = 80;

pub(super) fn route_tables(context: &Context<'_>, plans: &Plans) -> Vec<RouteConfiguration> {
    let mut tables: Vec<RouteConfiguration> = Vec::new();
    for (key, plan) in plans {
        let Some(http) = &plan.http else { continue };
        let mut hosts = Claims::default();
        for (service, index) in &http.services {
            hosts.claim(of_service(context, service, &service.ports[*index]), domains(context, service));
        }
        if key.is_wildcard() && key.port == UNREGISTERED_PORT {
            for (resource, host) in unregistered(context, key.port) {
                let side = context.in_mesh(key.port);
                hosts.claim(of_unregistered(context, &resource, &host, side), absolute(&host));
            }
        }
        tables.push(routes::configuration(http.route_table.clone(), hosts.into_sorted(context)));
    }
    tables
}

/// Virtual hosts whose domains are all different, as Envoy demands: who claims a domain first has
/// it.
#[derive(Default)]
struct Claims {
    taken: BTreeSet<String>,
    hosts: Vec<VirtualHost>,
}

impl Claims {
    fn claim(&mut self, mut host: VirtualHost, domains: Vec<String>) {
        for domain in domains {
            if self.taken.insert(domain.clone()) {
                host.domains.push(domain);
            }
        }
        if !host.domains.is_empty() {
            self.hosts.push(host);
        }
    }

    /// By name, and the one of last resort at the end.
    fn into_sorted(mut self, context: &Context<'_>) -> Vec<VirtualHost> {
        self.hosts.sort_by(|one, other| one.name.cmp(&other.name));
        if !self.taken.contains("*") {
            self.hosts.push(last_resort(context));
        }
        self.hosts
    }
}

/// Requests for unknown hosts go where the application wanted them to go, or get a 502.
fn last_resort(context: &Context<'_>) -> VirtualHost {
    let (name, action) = match context.outbound_policy() {
        OutboundPolicy::AllowAny => {
            let to = RouteAction {
                cluster_specifier: Some(ClusterSpecifier::Cluster(names::PASSTHROUGH.into())),
                timeout: Some(duration(std::time::Duration::ZERO)),
                ..Default::default()
            };
            (names::ALLOW_ANY, route::Action::Route(to))
        }
        OutboundPolicy::RegistryOnly => {
            let refusal = DirectResponseAction { status: 502, ..Default::default() };
            (names::BLOCK_ALL, route::Action::DirectResponse(refusal))
        }
    };
    let only = Route {
        name: name.into(),
        r#match: Some(routes::everything()),
        action: Some(action),
        ..Default::default()
    };
    VirtualHost {
        name: name.into(),
        domains: vec!["*".into()],
        routes: vec![only],
        include_request_attempt_count: true,
        ..Default::default()
    }
}
