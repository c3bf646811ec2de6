//! Sidecar, on its own (Istio `validation.ValidateSidecar`).

use super::checker::{Checker, repeated};
use crate::diagnostic::codes;
use crate::resources::*;
use crate::snapshot::Protocol;

pub(super) fn check(spec: &Sidecar, check: &mut Checker<'_>) {
    for (number, listener) in spec.egress.iter().enumerate() {
        let field = format!("spec.egress[{number}]");
        if listener.hosts.is_empty() {
            check.missing(&format!("{field}.hosts"), "the list of hosts");
        }
        for (number, written) in listener.hosts.iter().enumerate() {
            host(&format!("{field}.hosts[{number}]"), written, check);
        }
        if let Some(port) = &listener.port {
            check.port(&format!("{field}.port.number"), port.number);
        }
    }
    let number_of = |one: &IstioIngressListener| one.port.as_ref().map(|port| port.number);
    let repeated = repeated(spec.ingress.iter().map(number_of));
    for (number, listener) in spec.ingress.iter().enumerate() {
        let field = format!("spec.ingress[{number}]");
        ingress(&field, listener, check);
        if listener.port.is_some() && repeated[number] {
            let reason = "another listener has this port already";
            check.error(codes::REPEATED, &format!("{field}.port.number"), reason, "remove one of them");
        }
    }
}

fn host(field: &str, written: &str, check: &mut Checker<'_>) {
    let Some((namespace, name)) = written.split_once('/') else {
        let reason = format!("`{written}` names no namespace");
        check.error(codes::BAD_FORM, field, reason, "write `namespace/host`, for example `*/a.example`");
        return;
    };
    if !matches!(namespace, "*" | "." | "~") {
        check.label(field, namespace);
    }
    check.host(field, name, true);
}

fn ingress(field: &str, listener: &IstioIngressListener, check: &mut Checker<'_>) {
    let Some(port) = &listener.port else {
        return check.missing(&format!("{field}.port"), "the port");
    };
    check.port(&format!("{field}.port.number"), port.number);
    if Protocol::parse(&port.protocol) == Protocol::Udp {
        let reason = "a sidecar does not serve UDP";
        check.error(
            codes::UNKNOWN_VALUE,
            &format!("{field}.port.protocol"),
            reason,
            "use HTTP, TCP or the like",
        );
    }
    if !listener.default_endpoint.is_empty() && listener.endpoint().is_none() {
        let reason = format!("`{}` is no local endpoint", listener.default_endpoint);
        let help = "write `127.0.0.1:PORT`, `0.0.0.0:PORT` or `unix:///path`";
        check.error(codes::BAD_FORM, &format!("{field}.defaultEndpoint"), reason, help);
    }
    if listener.tls.is_some() {
        let reason = "Carrick does not end an application's own TLS in sidecars yet";
        check.error(codes::UNSUPPORTED, &format!("{field}.tls"), reason, "remove it");
    }
}
