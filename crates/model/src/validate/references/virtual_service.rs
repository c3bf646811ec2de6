//! What a VirtualService leads to: gateways, delegates, hosts, ports, subsets.

use super::{Asked, Surroundings, unknown_host};
use crate::diagnostic::codes;
use crate::host;
use crate::resource::{Meta, Resource};
use crate::resources::*;
use crate::snapshot::{
    Service, admits_namespace, bound_hosts, gateway_name, is_delegate, merged_with_delegate, server_hosts,
};
use crate::validate::checker::Checker;

pub(super) fn bindings(
    resource: &Resource<VirtualService>,
    around: &Surroundings<'_>,
    check: &mut Checker<'_>,
) {
    let namespace = &resource.meta.namespace;
    let named: Vec<String> =
        resource.spec.gateways.iter().map(|written| gateway_name(written, namespace)).collect();
    let exists = |name: &String| name == MESH_GATEWAY || around.gateways.get(name).is_some();
    let binds = named.is_empty() || named.iter().any(exists);
    for (number, name) in named.iter().enumerate() {
        let field = format!("spec.gateways[{number}]");
        if name == MESH_GATEWAY {
            continue;
        }
        let Some(gateway) = around.gateways.get(name) else {
            let elsewhere =
                around.gateways.all().iter().find(|other| name.ends_with(&format!("/{}", other.meta.name)));
            let help = match elsewhere {
                Some(other) => format!("did you mean `{}/{}`?", other.meta.namespace, other.meta.name),
                None => "define the Gateway, or correct the name".to_owned(),
            };
            match binds {
                false => {
                    let reason =
                        format!("there is no Gateway {name}, so the VirtualService binds to nothing");
                    check.error(codes::DANGLING, &field, reason, &help);
                }
                true => check.warning(codes::DANGLING, &field, format!("there is no Gateway {name}"), &help),
            }
            continue;
        };
        let hosts: Vec<String> =
            resource.spec.hosts.iter().map(|host| around.settings.resolve_host(host, namespace)).collect();
        let admitted =
            gateway.spec.servers.iter().any(|server| !bound_hosts(server, namespace, &hosts).is_empty());
        if !admitted {
            let others = gateway.spec.servers.iter().find_map(|server| for_others(server, namespace, &hosts));
            let reason = format!("no server of the Gateway {name} admits any of this VirtualService's hosts");
            match others {
                None => {
                    check.warning(codes::NO_EFFECT, &field, reason, "add the host to the Gateway's `hosts`")
                }
                Some(written) => {
                    let reason = format!("{reason} from the namespace `{namespace}` (`{written}`)");
                    let help = "write the host without a namespace in the Gateway, or with this one";
                    check.warning(codes::NO_EFFECT, &field, reason, help);
                }
            }
        }
    }
}

/// A server's host, as written, that would admit one of these if they came from another namespace.
fn for_others<'a>(server: &'a Server, namespace: &str, hosts: &[String]) -> Option<&'a String> {
    let mut written = server.hosts.iter().zip(server_hosts(server));
    let found = written.find(|(written, name)| {
        !admits_namespace(written, namespace) && hosts.iter().any(|wanted| host::overlaps(wanted, name))
    });
    found.map(|(written, _)| written)
}

/// The delegates that some VirtualService leads to.
pub(super) fn asked(around: &Surroundings<'_>) -> Asked {
    let mut asked = Asked::new();
    for resource in &around.inventory.virtual_services {
        let wanted = resource.spec.http.iter().filter_map(|route| route.delegate.as_ref());
        let found =
            wanted.filter_map(|one| around.delegates.find(one, &resource.meta.namespace, around.settings));
        asked.extend(found.map(|found| (found.meta.namespace.clone(), found.meta.name.clone())));
    }
    asked
}

/// Delegates that do not exist, whose conditions contradict, and those that nobody asks.
pub(super) fn delegates(
    resource: &Resource<VirtualService>,
    around: &Surroundings<'_>,
    asked: &Asked,
    check: &mut Checker<'_>,
) {
    let namespace = &resource.meta.namespace;
    for (number, route) in resource.spec.http.iter().enumerate() {
        let Some(delegate) = &route.delegate else { continue };
        let field = format!("spec.http[{number}].delegate");
        let Some(found) = around.delegates.find(delegate, namespace, around.settings) else {
            let of = if delegate.namespace.is_empty() { namespace } else { &delegate.namespace };
            let reason = format!(
                "there is no VirtualService {of}/{} without hosts that `{namespace}` sees",
                delegate.name
            );
            check.warning(codes::DANGLING, &field, reason, "define it, or correct the name");
            continue;
        };
        if found.spec.http.iter().any(|leaf| merged_with_delegate(route, leaf).is_none()) {
            let reason = format!(
                "a route of {namespace}/{} asks for what this route's `match` excludes; it is left out",
                delegate.name
            );
            check.warning(codes::NO_EFFECT, &field, reason, "let its conditions lie inside of these");
        }
    }
    let own = (namespace.clone(), resource.meta.name.clone());
    if is_delegate(&resource.spec) && !asked.contains(&own) {
        let reason = "it has no hosts, and no VirtualService delegates to it";
        check.warning(codes::NO_EFFECT, "spec.hosts", reason, "add `hosts`, or name it as a delegate");
    }
}

pub(super) fn destinations(
    resource: &Resource<VirtualService>,
    around: &Surroundings<'_>,
    check: &mut Checker<'_>,
) {
    let spec = &resource.spec;
    for (number, route) in spec.http.iter().enumerate() {
        let field = format!("spec.http[{number}]");
        for (position, to) in route.route.iter().enumerate() {
            let field = format!("{field}.route[{position}].destination");
            destination(&resource.meta, &field, to.destination.as_ref(), around, check);
        }
        destination(&resource.meta, &format!("{field}.mirror"), route.mirror.as_ref(), around, check);
        for (position, to) in route.mirrors.iter().enumerate() {
            let field = format!("{field}.mirrors[{position}].destination");
            destination(&resource.meta, &field, to.destination.as_ref(), around, check);
        }
    }
    let tls =
        spec.tls.iter().enumerate().map(|(number, route)| (format!("spec.tls[{number}]"), &route.route));
    let tcp =
        spec.tcp.iter().enumerate().map(|(number, route)| (format!("spec.tcp[{number}]"), &route.route));
    for (field, route) in tls.chain(tcp) {
        for (position, to) in route.iter().enumerate() {
            let field = format!("{field}.route[{position}].destination");
            destination(&resource.meta, &field, to.destination.as_ref(), around, check);
        }
    }
}

fn destination(
    meta: &Meta,
    field: &str,
    destination: Option<&Destination>,
    around: &Surroundings<'_>,
    check: &mut Checker<'_>,
) {
    let Some(Destination { host, subset, port }) = destination else { return };
    let full = around.settings.resolve_host(host, &meta.namespace);
    let visible = around.services.visible(&meta.namespace, &full);
    let Some(service) = visible.or_else(|| around.services.covering(&full)) else {
        unknown_host(meta, &format!("{field}.host"), &full, around, check);
        return;
    };
    if let Some(port) = port.filter(|port| service.port(port.number).is_none()) {
        let reason =
            format!("{} has no port {}; requests will be answered with 503", service.host, port.number);
        let known: Vec<String> = service.ports.iter().map(|port| port.number.to_string()).collect();
        let help = format!("use one of {}", known.join(", "));
        check.warning(codes::UNKNOWN_PORT, &format!("{field}.port.number"), reason, &help);
    }
    if !subset.is_empty() && !has_subset(service, subset, around) {
        let reason = format!(
            "no DestinationRule for {} defines the subset `{subset}`; requests will be answered with 503",
            service.host
        );
        let help = "define it in `subsets` of a DestinationRule, or correct the name";
        check.warning(codes::NO_SUBSET, &format!("{field}.subset"), reason, help);
    }
}

fn has_subset(service: &Service, subset: &str, around: &Surroundings<'_>) -> bool {
    around.destination_rules.covering(&service.host).any(|rule| rule.subset(subset).is_some())
}
