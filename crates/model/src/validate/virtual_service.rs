//! VirtualService, on its own (Istio `validation.ValidateVirtualService`).

mod actions;

use super::checker::{Checker, repeated};
use crate::diagnostic::codes;
use crate::host::{self, HostSet};
use crate::resources::*;

pub(super) fn check(spec: &VirtualService, check: &mut Checker<'_>) {
    hosts(spec, check);
    check.export_to(&spec.export_to);
    if spec.http.is_empty() && spec.tls.is_empty() && spec.tcp.is_empty() {
        let reason = "the VirtualService has no routes";
        check.error(codes::MISSING_FIELD, "spec", reason, "add `http`, `tls` or `tcp` routes");
    }
    for (number, route) in spec.http.iter().enumerate() {
        http_route(&format!("spec.http[{number}]"), route, check);
    }
    let hosts: Vec<String> = spec.hosts.iter().map(|host| host::canonical(host)).collect();
    let hosts: HostSet = hosts.iter().map(String::as_str).collect();
    for (number, route) in spec.tls.iter().enumerate() {
        tls_route(&format!("spec.tls[{number}]"), route, &hosts, check);
    }
    for (number, route) in spec.tcp.iter().enumerate() {
        tcp_route(&format!("spec.tcp[{number}]"), route, check);
    }
}

fn hosts(spec: &VirtualService, check: &mut Checker<'_>) {
    if spec.hosts.is_empty() {
        return delegate(spec, check);
    }
    let in_mesh = spec.gateways.is_empty() || spec.gateways.iter().any(|gateway| gateway == MESH_GATEWAY);
    for ((number, name), repeated) in spec.hosts.iter().enumerate().zip(repeated(&spec.hosts)) {
        let field = format!("spec.hosts[{number}]");
        if repeated {
            check.error(codes::REPEATED, &field, format!("`{name}` is listed twice"), "remove one of them");
        } else if name == "*" && in_mesh {
            let reason =
                "the host `*` is allowed at gateways only, and this VirtualService binds to the mesh";
            check.error(codes::BAD_HOST, &field, reason, "name the hosts, or name gateways and not `mesh`");
        } else if name.parse::<std::net::IpAddr>().is_err() {
            check.host(&field, name, true);
        }
    }
}

/// Without hosts it can only be delegated to, and then everything but routes is the delegating
/// one's business.
fn delegate(spec: &VirtualService, check: &mut Checker<'_>) {
    let others = [
        ("gateways", !spec.gateways.is_empty()),
        ("tls", !spec.tls.is_empty()),
        ("tcp", !spec.tcp.is_empty()),
    ];
    for (name, _) in others.iter().filter(|(_, given)| *given) {
        let reason = format!("without `hosts` this is a delegate, and a delegate has no `{name}`");
        check.error(codes::CONTRADICTION, &format!("spec.{name}"), reason, "add `hosts`, or remove it");
    }
    for (number, _) in spec.http.iter().enumerate().filter(|(_, route)| route.delegate.is_some()) {
        let reason = "a delegate cannot delegate further";
        let field = format!("spec.http[{number}].delegate");
        check.error(codes::CONTRADICTION, &field, reason, "write the routes here, or add `hosts`");
    }
}

fn http_route(field: &str, route: &HttpRoute, check: &mut Checker<'_>) {
    let actions = [
        ("route", !route.route.is_empty()),
        ("redirect", route.redirect.is_some()),
        ("directResponse", route.direct_response.is_some()),
        ("delegate", route.delegate.is_some()),
    ];
    let given: Vec<&str> = actions.iter().filter(|(_, present)| *present).map(|(name, _)| *name).collect();
    match given[..] {
        [] => {
            check.error(codes::MISSING_FIELD, field, "the route leads nowhere", "add `route` or `redirect`")
        }
        [_] => {}
        [first, second, ..] => {
            let reason = format!("`{first}` and `{second}` exclude each other");
            check.error(codes::CONTRADICTION, &format!("{field}.{second}"), reason, "keep one of them");
        }
    }
    if route.delegate.as_ref().is_some_and(|delegate| delegate.name.is_empty()) {
        check.missing(&format!("{field}.delegate.name"), "the name of the VirtualService");
    }
    for (number, wanted) in route.matches.iter().enumerate() {
        http_match(&format!("{field}.match[{number}]"), wanted, check);
    }
    let destinations = route.route.iter().map(|to| (to.destination.as_ref(), to.weight));
    weighted(field, destinations.collect(), check);
    for (number, to) in route.route.iter().enumerate() {
        headers(&format!("{field}.route[{number}].headers"), to.headers.as_ref(), check);
    }
    headers(&format!("{field}.headers"), route.headers.as_ref(), check);
    if let Some(mirror) = &route.mirror {
        destination(&format!("{field}.mirror"), Some(mirror), check);
    }
    for (number, mirror) in route.mirrors.iter().enumerate() {
        let field = format!("{field}.mirrors[{number}]");
        destination(&format!("{field}.destination"), mirror.destination.as_ref(), check);
        check.percent(&format!("{field}.percentage.value"), mirror.percentage.map_or(0.0, |p| p.value));
    }
    check.percent(
        &format!("{field}.mirrorPercentage.value"),
        route.mirror_percentage.map_or(0.0, |p| p.value),
    );
    actions::actions_of(field, route, check);
}

fn http_match(field: &str, wanted: &HttpMatchRequest, check: &mut Checker<'_>) {
    let fixed = [
        ("uri", &wanted.uri),
        ("scheme", &wanted.scheme),
        ("method", &wanted.method),
        ("authority", &wanted.authority),
    ];
    for (name, test) in fixed {
        string_match(&format!("{field}.{name}"), test.as_ref(), check);
    }
    let maps = [("headers", &wanted.headers), ("withoutHeaders", &wanted.without_headers)];
    for (name, tests) in maps {
        for (header, test) in tests {
            let field = format!("{field}.{name}[\"{header}\"]");
            header_name(&field, header, check);
            string_match(&field, Some(test), check);
        }
    }
    for (parameter, test) in &wanted.query_params {
        string_match(&format!("{field}.queryParams[\"{parameter}\"]"), Some(test), check);
    }
    if let Some(port) = wanted.port {
        check.port(&format!("{field}.port"), port);
    }
}

fn string_match(field: &str, test: Option<&StringMatch>, check: &mut Checker<'_>) {
    if let Some(StringMatch::Regex(pattern)) = test {
        check.regex(&format!("{field}.regex"), pattern);
    }
}

fn headers(field: &str, headers: Option<&Headers>, check: &mut Checker<'_>) {
    let Some(Headers { request, response }) = headers else { return };
    for (side, operations) in [("request", request), ("response", response)] {
        let Some(operations) = operations else { continue };
        for (verb, map) in [("set", &operations.set), ("add", &operations.add)] {
            for name in map.keys() {
                header_name(&format!("{field}.{side}.{verb}[\"{name}\"]"), name, check);
            }
        }
        for (number, name) in operations.remove.iter().enumerate() {
            header_name(&format!("{field}.{side}.remove[{number}]"), name, check);
        }
    }
}

/// A token (RFC 9110, 5.6.2), or a pseudo-header such as `:authority`.
fn header_name(field: &str, name: &str, check: &mut Checker<'_>) {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let bare = name.strip_prefix(':').unwrap_or(name);
    if bare.is_empty() || !bare.bytes().all(allowed) {
        let reason = format!("`{}` is no header name", name.escape_debug());
        check.error(codes::BAD_FORM, field, reason, "use letters, digits and `-`");
    }
}

fn tls_route(field: &str, route: &TlsRoute, hosts: &HostSet, check: &mut Checker<'_>) {
    if route.matches.is_empty() {
        check.missing(&format!("{field}.match"), "the match with `sniHosts`");
    }
    for (number, wanted) in route.matches.iter().enumerate() {
        let field = format!("{field}.match[{number}]");
        if wanted.sni_hosts.is_empty() {
            check.missing(&format!("{field}.sniHosts"), "the list of SNI hosts");
        }
        for (number, sni) in wanted.sni_hosts.iter().enumerate() {
            let field = format!("{field}.sniHosts[{number}]");
            check.host(&field, sni, true);
            if host::fault(sni, true).is_none() && !hosts.covers(&host::canonical(sni)) {
                let reason = format!("`{sni}` is under none of the VirtualService's `hosts`");
                check.error(codes::BAD_HOST, &field, reason, "add it to `spec.hosts`, or correct it");
            }
        }
        check.cidrs(&format!("{field}.destinationSubnets"), &wanted.destination_subnets);
        if let Some(port) = wanted.port {
            check.port(&format!("{field}.port"), port);
        }
    }
    l4_route(field, &route.route, check);
}

fn tcp_route(field: &str, route: &TcpRoute, check: &mut Checker<'_>) {
    for (number, wanted) in route.matches.iter().enumerate() {
        let field = format!("{field}.match[{number}]");
        check.cidrs(&format!("{field}.destinationSubnets"), &wanted.destination_subnets);
        if !wanted.source_subnet.is_empty() {
            check.cidr(&format!("{field}.sourceSubnet"), &wanted.source_subnet);
        }
        if let Some(port) = wanted.port {
            check.port(&format!("{field}.port"), port);
        }
    }
    l4_route(field, &route.route, check);
}

fn l4_route(field: &str, route: &[RouteDestination], check: &mut Checker<'_>) {
    if route.is_empty() {
        check.missing(&format!("{field}.route"), "the list of destinations");
    }
    weighted(field, route.iter().map(|to| (to.destination.as_ref(), to.weight)).collect(), check);
}

/// Several destinations share by weight, so they need some.
fn weighted(field: &str, destinations: Vec<(Option<&Destination>, u32)>, check: &mut Checker<'_>) {
    let total: u64 = destinations.iter().map(|(_, weight)| u64::from(*weight)).sum();
    if destinations.len() > 1 && total == 0 {
        let reason = "the weights of the destinations add up to 0";
        check.error(
            codes::CONTRADICTION,
            &format!("{field}.route"),
            reason,
            "give each destination a `weight`",
        );
    }
    for (number, (to, _)) in destinations.into_iter().enumerate() {
        destination(&format!("{field}.route[{number}].destination"), to, check);
    }
}

fn destination(field: &str, destination: Option<&Destination>, check: &mut Checker<'_>) {
    let Some(Destination { host, subset, port }) = destination else {
        check.missing(field, "the destination");
        return;
    };
    if host == "*" {
        check.error(codes::BAD_HOST, &format!("{field}.host"), "`*` is no destination", "name a host");
    } else {
        check.host(&format!("{field}.host"), host, false);
    }
    if !subset.is_empty() {
        check.label(&format!("{field}.subset"), subset);
    }
    if let Some(port) = port {
        check.port(&format!("{field}.port.number"), port.number);
    }
}
