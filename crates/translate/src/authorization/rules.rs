//! One rule as one RBAC policy: any of its operations by any of its sources, under all of its
//! conditions (`authz/model/model.go`, `New` and `Generate`).

use carrick_model::resources::{Attribute, AuthorizationSource, Condition, Operation, Rule};

use super::clause::{Clause, Scope, Side, Unsayable, all_of};
use crate::envoy::rbac::{Permission, Policy, Principal};

/// `None`: what this rule allows cannot be said here, so it allows nothing.
pub(super) fn policy(rule: &Rule, scope: &Scope<'_>) -> Option<Policy> {
    let (about_source, about_operation): (Vec<_>, Vec<_>) =
        rule.when.iter().map(condition_clause).partition(is_about_source);
    let mut sources: Vec<Vec<Clause<'_>>> =
        rule.from.iter().map(|from| source_clauses(&from.source)).collect();
    let mut operations: Vec<Vec<Clause<'_>>> =
        rule.to.iter().map(|to| operation_clauses(&to.operation)).collect();
    with_conditions(&mut sources, &about_source);
    with_conditions(&mut operations, &about_operation);
    let principals = sources.iter().map(|clauses| all_of::<Principal>(clauses, scope));
    let permissions = operations.iter().map(|clauses| all_of::<Permission>(clauses, scope));
    Some(Policy {
        permissions: permissions.collect::<Result<_, Unsayable>>().ok()?,
        principals: principals.collect::<Result<_, Unsayable>>().ok()?,
        ..Default::default()
    })
}

/// Conditions hold for each alternative; without alternatives, for everything.
fn with_conditions<'a>(alternatives: &mut Vec<Vec<Clause<'a>>>, conditions: &[Clause<'a>]) {
    if alternatives.is_empty() {
        alternatives.push(vec![]);
    }
    alternatives.iter_mut().for_each(|clauses| clauses.extend_from_slice(conditions));
}

/// A policy that holds for nothing.
pub(super) fn never() -> Policy {
    Policy {
        permissions: vec![Permission::not(Permission::anything())],
        principals: vec![Principal::not(Principal::anything())],
        ..Default::default()
    }
}

/// A policy that holds for everything.
pub(super) fn always() -> Policy {
    Policy {
        permissions: vec![Permission::anything()],
        principals: vec![Principal::anything()],
        ..Default::default()
    }
}

fn source_clauses(source: &AuthorizationSource) -> Vec<Clause<'_>> {
    clauses([
        (Attribute::SourceIp, &source.ip_blocks, &source.not_ip_blocks),
        (Attribute::RemoteIp, &source.remote_ip_blocks, &source.not_remote_ip_blocks),
        (Attribute::SourceNamespace, &source.namespaces, &source.not_namespaces),
        (Attribute::SourceServiceAccount, &source.service_accounts, &source.not_service_accounts),
        (Attribute::Token, &source.request_principals, &source.not_request_principals),
        (Attribute::SourcePrincipal, &source.principals, &source.not_principals),
    ])
}

fn operation_clauses(operation: &Operation) -> Vec<Clause<'_>> {
    clauses([
        (Attribute::DestinationPort, &operation.ports, &operation.not_ports),
        (Attribute::Path, &operation.paths, &operation.not_paths),
        (Attribute::Method, &operation.methods, &operation.not_methods),
        (Attribute::Host, &operation.hosts, &operation.not_hosts),
    ])
}

fn clauses<'a, const N: usize>(all: [(Attribute, &'a Vec<String>, &'a Vec<String>); N]) -> Vec<Clause<'a>> {
    let clause = |(attribute, values, excluded): (_, &'a Vec<String>, &'a Vec<String>)| Clause {
        attribute: Some(attribute),
        values,
        excluded,
    };
    let mut said: Vec<Clause<'a>> = all.into_iter().map(clause).filter(|clause| !clause.is_void()).collect();
    if said.is_empty() {
        said.push(Clause { attribute: None, values: &[], excluded: &[] });
    }
    said
}

fn condition_clause(condition: &Condition) -> Clause<'_> {
    Clause {
        attribute: Attribute::of_key(&condition.key),
        values: &condition.values,
        excluded: &condition.not_values,
    }
}

fn is_about_source(clause: &Clause<'_>) -> bool {
    matches!(
        clause.attribute,
        Some(
            Attribute::SourceIp
                | Attribute::RemoteIp
                | Attribute::SourceNamespace
                | Attribute::SourcePrincipal
                | Attribute::SourceServiceAccount
                | Attribute::Header(_)
                | Attribute::Token
        )
    )
}
