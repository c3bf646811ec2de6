//! ServiceEntry and WorkloadEntry, on their own (Istio `validation.ValidateServiceEntry`).

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::checker::{Checker, repeated};
use crate::diagnostic::codes;
use crate::host;
use crate::resources::*;

/// Endpoints of one ServiceEntry, counted for each host and port: a short text must not fill the
/// memory.
const MAX_PRODUCT: usize = 1_000_000;

pub(super) fn check(spec: &ServiceEntry, check: &mut Checker<'_>) {
    if spec.hosts.is_empty() {
        check.missing("spec.hosts", "the list of hosts");
    }
    for ((number, name), repeated) in spec.hosts.iter().enumerate().zip(repeated(&spec.hosts)) {
        let field = format!("spec.hosts[{number}]");
        if name == "*" {
            let reason = "`*` would declare every host there is";
            check.error(codes::BAD_HOST, &field, reason, "name hosts, or a domain as in `*.example.com`");
        } else {
            check.host(&field, name, true);
        }
        if repeated {
            check.error(codes::REPEATED, &field, format!("`{name}` is listed twice"), "remove one of them");
        }
    }
    let product = spec.hosts.len().saturating_mul(spec.endpoints.len()).saturating_mul(spec.ports.len());
    if product > MAX_PRODUCT {
        let reason = format!(
            "every host has every endpoint on every port, which makes {product}; {MAX_PRODUCT} are allowed"
        );
        check.error(codes::TOO_LARGE, "spec.endpoints", reason, "split it into several ServiceEntries");
    }
    check.export_to(&spec.export_to);
    addresses(spec, check);
    ports(spec, check);
    resolution(spec, check);
    let names: BTreeSet<&str> = spec.ports.iter().map(|port| port.name.as_str()).collect();
    for (number, endpoint) in spec.endpoints.iter().enumerate() {
        let field = format!("spec.endpoints[{number}]");
        checked_endpoint(endpoint, &field, check);
        for (name, port) in &endpoint.ports {
            if !names.contains(name.as_str()) {
                // So many are enough to choose from.
                let declared: Vec<String> = names.iter().take(10).map(|name| format!("`{name}`")).collect();
                let reason = format!("the ServiceEntry has no port named `{name}` (port {port})");
                let help = format!("use one of {}", declared.join(", "));
                check.error(codes::UNKNOWN_PORT, &format!("{field}.ports.{name}"), reason, &help);
            }
        }
    }
}

/// A WorkloadEntry, or an endpoint in the same words.
pub(super) fn workload_entry(entry: &WorkloadEntry, check: &mut Checker<'_>) {
    checked_endpoint(entry, "spec", check);
}

fn checked_endpoint(entry: &WorkloadEntry, field: &str, check: &mut Checker<'_>) {
    let address = format!("{field}.address");
    if entry.address.is_empty() {
        check.missing(&address, "the address");
    } else if let Some(path) = entry.address.strip_prefix("unix://") {
        if !path.starts_with(['/', '@']) {
            check.error(
                codes::BAD_ADDRESS,
                &address,
                "the socket's path is not absolute",
                "write unix:///path",
            );
        } else if !entry.ports.is_empty() {
            let reason = "a Unix socket has no ports";
            check.error(codes::CONTRADICTION, &format!("{field}.ports"), reason, "remove them");
        }
    } else if entry.address.parse::<IpAddr>().is_err()
        && let Some(fault) = host::fault(&entry.address, false)
    {
        let reason = format!("`{}` is no address and no host name: {fault}", entry.address.escape_debug());
        check.error(
            codes::BAD_ADDRESS,
            &address,
            reason,
            "write an IP address, a host name, or unix:///path",
        );
    }
    for (name, port) in &entry.ports {
        check.port(&format!("{field}.ports.{name}"), *port);
    }
}

/// A CIDR means "whatever address of it the client called", so only NONE and STATIC can have one.
fn addresses(spec: &ServiceEntry, check: &mut Checker<'_>) {
    for (number, text) in spec.addresses.iter().enumerate() {
        let field = format!("spec.addresses[{number}]");
        let Some(cidr) = check.cidr(&field, text) else { continue };
        let allows_ranges =
            matches!(spec.resolution, ServiceEntryResolution::None | ServiceEntryResolution::Static);
        if !cidr.is_single() && !allows_ranges {
            let reason = format!("the range {cidr} is allowed with resolution NONE or STATIC only");
            check.error(
                codes::CONTRADICTION,
                &field,
                reason,
                "write single addresses, or change the resolution",
            );
        }
    }
}

fn ports(spec: &ServiceEntry, check: &mut Checker<'_>) {
    if spec.ports.is_empty() {
        check.missing("spec.ports", "the list of ports");
    }
    let names = repeated(spec.ports.iter().map(|port| &port.name));
    let numbers = repeated(spec.ports.iter().map(|port| port.number));
    for (number, port) in spec.ports.iter().enumerate() {
        let field = format!("spec.ports[{number}]");
        check.port(&format!("{field}.number"), port.number);
        if port.name.is_empty() {
            check.missing(&format!("{field}.name"), "the port's name");
        } else {
            check.label(&format!("{field}.name"), &port.name);
        }
        for (what, repeated) in [("name", names[number]), ("number", numbers[number])] {
            if repeated {
                let reason = format!("another port already has this {what}");
                check.error(
                    codes::REPEATED,
                    &format!("{field}.{what}"),
                    reason,
                    "change or remove one of them",
                );
            }
        }
        let protocol = crate::snapshot::Protocol::parse(&port.protocol);
        if protocol.is_auto() && !port.protocol.is_empty() {
            let reason =
                format!("`{}` is no protocol; it will be found out from the first bytes", port.protocol);
            let help = "use HTTP, HTTP2, GRPC, GRPC-WEB, HTTPS, TLS, TCP, MONGO or UDP";
            check.warning(codes::UNKNOWN_VALUE, &format!("{field}.protocol"), reason, help);
        }
    }
}

fn resolution(spec: &ServiceEntry, check: &mut Checker<'_>) {
    if spec.workload_selector.is_some() && !spec.endpoints.is_empty() {
        let reason = "`workloadSelector` and `endpoints` exclude each other";
        check.error(codes::CONTRADICTION, "spec.endpoints", reason, "keep one of them");
    }
    match spec.resolution {
        ServiceEntryResolution::None if !spec.endpoints.is_empty() => {
            let reason =
                "with resolution NONE the client's own address is used, so there can be no endpoints";
            check.error(codes::CONTRADICTION, "spec.endpoints", reason, "set `resolution` to STATIC or DNS");
        }
        ServiceEntryResolution::Static => {
            for (number, endpoint) in spec.endpoints.iter().enumerate() {
                let name = &endpoint.address;
                if !name.is_empty() && !name.starts_with("unix://") && name.parse::<IpAddr>().is_err() {
                    let reason =
                        format!("with resolution STATIC an endpoint is an IP address; `{name}` is none");
                    let field = format!("spec.endpoints[{number}].address");
                    check.error(
                        codes::BAD_ADDRESS,
                        &field,
                        reason,
                        "write an IP address, or use resolution DNS",
                    );
                }
            }
            if spec.endpoints.is_empty() && spec.workload_selector.is_none() {
                let reason = "with resolution STATIC and no endpoints the hosts lead nowhere";
                check.warning(codes::MISSING_FIELD, "spec.resolution", reason, "add `endpoints`");
            }
        }
        ServiceEntryResolution::Dns | ServiceEntryResolution::DnsRoundRobin => by_dns(spec, check),
        ServiceEntryResolution::None | ServiceEntryResolution::DynamicDns => {}
    }
}

fn by_dns(spec: &ServiceEntry, check: &mut Checker<'_>) {
    if spec.endpoints.is_empty() && spec.workload_selector.is_none() {
        for (number, _) in spec.hosts.iter().enumerate().filter(|(_, name)| host::is_wildcard(name)) {
            let reason = "a wildcard cannot be looked up in DNS, and there are no endpoints";
            check.error(
                codes::BAD_HOST,
                &format!("spec.hosts[{number}]"),
                reason,
                "add `endpoints`, or name the host",
            );
        }
    }
    if spec.resolution == ServiceEntryResolution::DnsRoundRobin && spec.endpoints.len() > 1 {
        let reason = "resolution DNS_ROUND_ROBIN takes one endpoint";
        check.error(codes::CONTRADICTION, "spec.endpoints[1]", reason, "remove it, or use resolution DNS");
    }
    for (number, _) in spec.endpoints.iter().enumerate().filter(|(_, e)| e.address.starts_with("unix://")) {
        let field = format!("spec.endpoints[{number}].address");
        let reason = "a Unix socket cannot be looked up in DNS";
        check.error(codes::CONTRADICTION, &field, reason, "use resolution STATIC");
    }
}
