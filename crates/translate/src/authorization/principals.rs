//! Who does it: identities, namespaces, accounts, addresses, and in HTTP request headers (`authz/model/generator.go`, `principal`).

use carrick_model::resources::Attribute;

use super::clause::{Clause, Layer, Scope, Unsayable};
use super::{matchers, trust_domain};
use crate::address;
use crate::envoy::core::CidrRange;
use crate::envoy::matcher::StringMatcher;
use crate::envoy::rbac::{Principal, principal};
use principal::{Authenticated, Identifier};

pub fn anybody() -> Principal {
    of(Identifier::Any(true))
}

/// All clauses together.
pub fn all_of(clauses: &[Clause<'_>], scope: &Scope<'_>) -> Result<Principal, Unsayable> {
    let mut all = Vec::new();
    if scope.strict && clauses.iter().any(Clause::is_void) {
        return Err(Unsayable);
    }
    for clause in clauses {
        for (values, is_excluded) in [(clause.values, false), (clause.excluded, true)] {
            if values.is_empty() {
                continue;
            }
            match any_of(clause, values, scope) {
                Ok(any) if is_excluded => all.push(of(Identifier::NotId(Box::new(any)))),
                Ok(any) => all.push(any),
                Err(unsayable) if scope.strict => return Err(unsayable),
                // Without this part, more is denied.
                Err(_) => {}
            }
        }
    }
    if all.is_empty() {
        all.push(anybody());
    }
    Ok(of(Identifier::AndIds(principal::Set { ids: all })))
}

fn any_of(clause: &Clause<'_>, values: &[String], scope: &Scope<'_>) -> Result<Principal, Unsayable> {
    let attribute = clause.attribute.as_ref().ok_or(Unsayable)?;
    let ids = match attribute {
        Attribute::SourcePrincipal => {
            let expanded = trust_domain::expand(values, scope.settings);
            expanded.iter().map(|value| Ok(authenticated(matchers::principal(value)?))).collect()
        }
        _ => values.iter().map(|value| one(attribute, value, scope)).collect::<Result<Vec<_>, _>>(),
    };
    Ok(of(Identifier::OrIds(principal::Set { ids: ids? })))
}

fn one(attribute: &Attribute, value: &str, scope: &Scope<'_>) -> Result<Principal, Unsayable> {
    Ok(match attribute {
        Attribute::SourceIp => of(Identifier::DirectRemoteIp(range(value)?)),
        Attribute::RemoteIp => of(Identifier::RemoteIp(range(value)?)),
        Attribute::SourceNamespace => authenticated(matchers::namespace(value)?),
        Attribute::SourceServiceAccount => authenticated(matchers::service_account(value, scope.namespace)?),
        Attribute::Header(name) if scope.layer == Layer::Http => {
            of(Identifier::Header(matchers::header(name, value)?))
        }
        _ => return Err(Unsayable),
    })
}

/// Envoy compares with the peer's URI names, else with its DNS names, else with the subject; without a certificate nothing matches.
fn authenticated(name: StringMatcher) -> Principal {
    of(Identifier::Authenticated(Authenticated { principal_name: Some(name) }))
}

fn range(value: &str) -> Result<CidrRange, Unsayable> {
    let cidr: carrick_model::Cidr = value.parse().map_err(|_| Unsayable)?;
    Ok(address::range(cidr.address(), cidr.prefix()))
}

fn of(identifier: Identifier) -> Principal {
    Principal { identifier: Some(identifier) }
}
