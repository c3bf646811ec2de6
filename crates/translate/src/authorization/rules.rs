//! One rule as one RBAC policy: any of its operations by any of its sources, under all of its conditions
//! (`authz/model/model.go`, `New` and `Generate`).

use carrick_model::resources::{Attribute, AuthorizationSource, Condition, Operation, Rule};

use super::clause::{Clause, Scope, Unsayable};
use super::{permissions, principals};
use crate::envoy::rbac::{Permission, Policy, Principal, permission, principal};

/// `None`: what this rule allows cannot be said here, so it allows nothing.
pub fn policy(rule: &Rule, scope: &Scope<'_>) -> Option<Policy> {
    let (about_source, about_operation): (Vec<_>, Vec<_>) =
        rule.when.iter().map(of_condition).partition(is_about_source);
    let mut sources: Vec<Vec<Clause<'_>>> = rule.from.iter().map(|from| of_source(&from.source)).collect();
    let mut operations: Vec<Vec<Clause<'_>>> = rule.to.iter().map(|to| of_operation(&to.operation)).collect();
    with_conditions(&mut sources, &about_source);
    with_conditions(&mut operations, &about_operation);
    let principals = sources.iter().map(|clauses| principals::all_of(clauses, scope));
    let permissions = operations.iter().map(|clauses| permissions::all_of(clauses, scope));
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
pub fn never() -> Policy {
    let nobody =
        Principal { identifier: Some(principal::Identifier::NotId(Box::new(principals::anybody()))) };
    let nothing = Permission { rule: Some(permission::Rule::NotRule(Box::new(permissions::anything()))) };
    Policy { permissions: vec![nothing], principals: vec![nobody], ..Default::default() }
}

/// A policy that holds for everything.
pub fn always() -> Policy {
    Policy {
        permissions: vec![permissions::anything()],
        principals: vec![principals::anybody()],
        ..Default::default()
    }
}

fn of_source(source: &AuthorizationSource) -> Vec<Clause<'_>> {
    clauses([
        (Attribute::SourceIp, &source.ip_blocks, &source.not_ip_blocks),
        (Attribute::RemoteIp, &source.remote_ip_blocks, &source.not_remote_ip_blocks),
        (Attribute::SourceNamespace, &source.namespaces, &source.not_namespaces),
        (Attribute::SourceServiceAccount, &source.service_accounts, &source.not_service_accounts),
        (Attribute::Token, &source.request_principals, &source.not_request_principals),
        (Attribute::SourcePrincipal, &source.principals, &source.not_principals),
    ])
}

fn of_operation(operation: &Operation) -> Vec<Clause<'_>> {
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

fn of_condition(condition: &Condition) -> Clause<'_> {
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
