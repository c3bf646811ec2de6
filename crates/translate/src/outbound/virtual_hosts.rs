//! The virtual host of a service: the names that requests may call it by, and its routes.

use std::sync::Arc;

use carrick_model::Resource;
use carrick_model::host::{HostSet, is_wildcard};
use carrick_model::resources::VirtualService;
use carrick_model::snapshot::{MatchContext, Service, ServicePort};

use crate::context::Context;
use crate::envoy::route::VirtualHost;
use crate::names;
use crate::routes;

pub(super) fn of_service(context: &Context<'_>, service: &Service, port: &ServicePort) -> VirtualHost {
    let side = context.in_mesh(port.number);
    let virtual_service =
        context.rule_for(&service.host, port.number).filter(|resource| !resource.spec.http.is_empty());
    let routes = match virtual_service {
        Some(resource) => routes::virtual_service_routes(context, resource, side),
        None => vec![routes::default_route(context, service, port)],
    };
    named(names::host_port(&service.host, port.number), routes)
}

pub(super) fn of_unregistered(
    context: &Context<'_>,
    resource: &Resource<VirtualService>,
    host: &str,
    side: MatchContext<'_>,
) -> VirtualHost {
    named(names::host_port(host, side.port), routes::virtual_service_routes(context, resource, side))
}

fn named(name: String, routes: Vec<crate::envoy::route::Route>) -> VirtualHost {
    VirtualHost { name, routes, include_request_attempt_count: true, ..Default::default() }
}

/// Hosts of VirtualServices of the mesh that no visible service has, each with its resource, oldest
/// first.
pub(super) fn unregistered(context: &Context<'_>, port: u16) -> Vec<(Arc<Resource<VirtualService>>, String)> {
    let mut found = Vec::new();
    let known: HostSet = context.services().iter().map(|service| service.host.as_str()).collect();
    for resource in context.virtual_services(port).filter(|resource| !resource.spec.http.is_empty()) {
        for wanted in &resource.spec.hosts {
            if !known.has_subset(wanted) {
                found.push((resource.clone(), wanted.clone()));
            }
        }
    }
    found
}

/// All names of a service: its host, with and without the final dot; if it shares the proxy's
/// domain, its short forms; the same of the ExternalNames that stand for it; its addresses.
pub(super) fn domains(context: &Context<'_>, service: &Service) -> Vec<String> {
    let hosts = std::iter::once(&service.host).chain(context.aliases(&service.host).map(|alias| &alias.host));
    let forms = |host: &String| {
        let mut forms = absolute(host);
        forms.extend(short_forms(host, &context.node.dns_domain));
        forms
    };
    let mut domains: Vec<String> = hosts.flat_map(forms).collect();
    domains.extend(service.ips().map(|ip| ip.to_string()));
    domains
}

/// A host as written by those who end it with a dot, too.
pub(super) fn absolute(host: &str) -> Vec<String> {
    match is_wildcard(host) {
        true => vec![host.to_owned()],
        false => vec![host.to_owned(), format!("{host}.")],
    }
}

/// `server`, `server.ns`, `server.ns.svc` for a proxy in `ns.svc.cluster.local`; from another
/// namespace not the first one (`generateAltVirtualHosts` in `httproute.go`).
fn short_forms(host: &str, proxy_domain: &str) -> Vec<String> {
    let Some((own_namespace, suffix)) = proxy_domain.split_once('.') else { return vec![] };
    let Some(unique) = host.strip_suffix(suffix).and_then(|rest| rest.strip_suffix('.')) else {
        return vec![];
    };
    let Some((name, namespace)) = unique.split_once('.') else { return vec![] };
    if is_wildcard(host) || namespace.contains('.') {
        return vec![];
    }
    let mut forms = vec![];
    if namespace == own_namespace {
        forms.push(name.to_owned());
    }
    forms.push(unique.to_owned());
    if let Some(svc) = suffix.split('.').next().filter(|label| *label == "svc") {
        forms.push(format!("{unique}.{svc}"));
    }
    forms
}

#[cfg(test)]
mod tests;
