//! AuthorizationPolicy, on its own (Istio `validation.ValidateAuthorizationPolicy`).
//!
//! An error here does not take the policy away: what could not be understood denies (see
//! [`crate::build`]).

use super::checker::Checker;
use crate::diagnostic::codes;
use crate::resources::*;

const CLOSED: &str = "until then it denies whatever it might deny";

pub(super) fn check(spec: &AuthorizationPolicy, check: &mut Checker<'_>) {
    if spec.target_ref.is_some() || !spec.target_refs.is_empty() {
        let field = if spec.target_ref.is_some() { "spec.targetRef" } else { "spec.targetRefs" };
        let reason = "Carrick reads no resources of the Gateway API, so the policy holds for nothing";
        check.error(codes::UNSUPPORTED, field, reason, "select workloads with `selector`");
    }
    action(spec, check);
    for (number, rule) in spec.rules.iter().enumerate() {
        let field = format!("spec.rules[{number}]");
        for (number, from) in rule.from.iter().enumerate() {
            source(&format!("{field}.from[{number}].source"), &from.source, check);
        }
        for (number, to) in rule.to.iter().enumerate() {
            operation(&format!("{field}.to[{number}].operation"), &to.operation, check);
        }
        for (number, wanted) in rule.when.iter().enumerate() {
            condition(&format!("{field}.when[{number}]"), wanted, check);
        }
    }
}

fn action(spec: &AuthorizationPolicy, check: &mut Checker<'_>) {
    match spec.action {
        AuthorizationAction::Custom => {
            let reason =
                "Carrick does not ask external authorizers yet; everything that the policy selects is denied";
            check.error(codes::UNSUPPORTED, "spec.action", reason, "use ALLOW or DENY");
        }
        _ if spec.provider.is_some() => {
            let reason = "only the action CUSTOM has a provider";
            check.error(codes::CONTRADICTION, "spec.provider", reason, "remove it");
        }
        AuthorizationAction::Deny | AuthorizationAction::Audit if spec.rules.is_empty() => {
            let reason = "without rules this policy never applies";
            check.warning(codes::NO_EFFECT, "spec.action", reason, "add `rules`; `{}` is every request");
        }
        _ => {}
    }
}

fn source(field: &str, source: &AuthorizationSource, check: &mut Checker<'_>) {
    if *source == AuthorizationSource::default() {
        check.missing(field, "what the source must be");
    }
    let tokens = [
        ("requestPrincipals", &source.request_principals),
        ("notRequestPrincipals", &source.not_request_principals),
    ];
    for (name, _) in tokens.iter().filter(|(_, values)| !values.is_empty()) {
        unsupported(
            &format!("{field}.{name}"),
            name,
            "needs a JSON web token, and Carrick verifies none yet",
            check,
        );
    }
    let texts = [
        ("principals", &source.principals),
        ("notPrincipals", &source.not_principals),
        ("namespaces", &source.namespaces),
        ("notNamespaces", &source.not_namespaces),
    ];
    for (name, values) in texts {
        not_empty(&format!("{field}.{name}"), values, check);
    }
    let accounts =
        [("serviceAccounts", &source.service_accounts), ("notServiceAccounts", &source.not_service_accounts)];
    for (name, values) in accounts {
        for (number, value) in values.iter().enumerate() {
            service_account(&format!("{field}.{name}[{number}]"), value, check);
        }
    }
    let blocks = [
        ("ipBlocks", &source.ip_blocks),
        ("notIpBlocks", &source.not_ip_blocks),
        ("remoteIpBlocks", &source.remote_ip_blocks),
        ("notRemoteIpBlocks", &source.not_remote_ip_blocks),
    ];
    for (name, values) in blocks {
        check.cidrs(&format!("{field}.{name}"), values);
    }
}

fn operation(field: &str, operation: &Operation, check: &mut Checker<'_>) {
    if *operation == Operation::default() {
        check.missing(field, "what the operation must be");
    }
    let texts = [
        ("hosts", &operation.hosts),
        ("notHosts", &operation.not_hosts),
        ("methods", &operation.methods),
        ("notMethods", &operation.not_methods),
    ];
    for (name, values) in texts {
        not_empty(&format!("{field}.{name}"), values, check);
    }
    for (name, values) in [("ports", &operation.ports), ("notPorts", &operation.not_ports)] {
        for (number, value) in values.iter().enumerate() {
            port(&format!("{field}.{name}[{number}]"), value, check);
        }
    }
    for (name, values) in [("paths", &operation.paths), ("notPaths", &operation.not_paths)] {
        for (number, value) in values.iter().enumerate() {
            path(&format!("{field}.{name}[{number}]"), value, check);
        }
    }
}

fn condition(field: &str, wanted: &Condition, check: &mut Checker<'_>) {
    let key = format!("{field}.key");
    if wanted.values.is_empty() && wanted.not_values.is_empty() {
        check.missing(&format!("{field}.values"), "what the attribute must be");
    }
    match Attribute::of_key(&wanted.key) {
        None => {
            let reason = format!("`{}` is no attribute of Istio's conditions", wanted.key);
            check.error(codes::UNKNOWN_VALUE, &key, reason, "write, for example, `request.headers[x-name]`");
        }
        Some(Attribute::Token) => {
            unsupported(&key, &wanted.key, "needs a JSON web token, and Carrick verifies none yet", check);
        }
        Some(Attribute::FilterMetadata) => {
            unsupported(&key, &wanted.key, "needs a filter that Carrick does not install", check);
        }
        Some(attribute) => {
            for (name, values) in [("values", &wanted.values), ("notValues", &wanted.not_values)] {
                for (number, value) in values.iter().enumerate() {
                    of_attribute(&attribute, &format!("{field}.{name}[{number}]"), value, check);
                }
            }
        }
    }
}

fn of_attribute(attribute: &Attribute, field: &str, value: &str, check: &mut Checker<'_>) {
    match attribute {
        Attribute::SourceIp | Attribute::RemoteIp | Attribute::DestinationIp => {
            check.cidr(field, value);
        }
        Attribute::DestinationPort => port(field, value, check),
        Attribute::SourceServiceAccount => service_account(field, value, check),
        _ if value.is_empty() => check.missing(field, "the value"),
        _ => {}
    }
}

fn unsupported(field: &str, name: &str, why: &str, check: &mut Checker<'_>) {
    check.error(codes::UNSUPPORTED, field, format!("`{name}` {why}; {CLOSED}"), "remove it");
}

fn not_empty(field: &str, values: &[String], check: &mut Checker<'_>) {
    for (number, value) in values.iter().enumerate() {
        if value.is_empty() {
            check.missing(&format!("{field}[{number}]"), "the value");
        }
    }
}

fn port(field: &str, value: &str, check: &mut Checker<'_>) {
    if value.parse::<u16>().is_err() {
        let reason = format!("`{value}` is no port");
        check.error(codes::OUT_OF_RANGE, field, reason, "write a number from 0 to 65535");
    }
}

fn service_account(field: &str, value: &str, check: &mut Checker<'_>) {
    if value.is_empty() || value.split('/').count() > 2 || value.split('/').any(str::is_empty) {
        let reason = format!("`{value}` is no service account");
        check.error(codes::BAD_FORM, field, reason, "write `account` or `namespace/account`");
    }
}

/// `{*}` is one segment, `{**}` any number of them; neither beside a `*` (Istio reference,
/// `Operation.paths`).
fn path(field: &str, value: &str, check: &mut Checker<'_>) {
    if value.is_empty() {
        check.missing(field, "the path");
    }
    let rest = value.replace("{**}", "").replace("{*}", "");
    let is_template = rest.len() != value.len();
    if rest.contains(['{', '}']) || (is_template && rest.contains('*')) {
        let reason = format!("`{value}` is no path template");
        check.error(
            codes::BAD_FORM,
            field,
            reason,
            "use whole segments `{*}` or `{**}`, and no `*` beside them",
        );
    }
}
