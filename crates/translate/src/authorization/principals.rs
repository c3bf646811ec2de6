//! Who does it: identities, namespaces, accounts, addresses, and in HTTP request headers
//! (`authz/model/generator.go`, `principal`).

use carrick_model::resources::Attribute;

use super::clause::{Layer, Scope, Side, Unsayable};
use super::{matchers, trust_domain};
use crate::address;
use crate::envoy::core::CidrRange;
use crate::envoy::matcher::StringMatcher;
use crate::envoy::rbac::{Principal, principal};
use principal::{Authenticated, Identifier};

impl Side for Principal {
    fn anything() -> Self {
        principal(Identifier::Any(true))
    }

    fn all(ids: Vec<Self>) -> Self {
        principal(Identifier::AndIds(principal::Set { ids }))
    }

    fn any(ids: Vec<Self>) -> Self {
        principal(Identifier::OrIds(principal::Set { ids }))
    }

    fn not(id: Self) -> Self {
        principal(Identifier::NotId(Box::new(id)))
    }

    fn one_of(attribute: &Attribute, values: &[String], scope: &Scope<'_>) -> Result<Vec<Self>, Unsayable> {
        if *attribute == Attribute::SourcePrincipal {
            let expanded = trust_domain::expand(values, scope.settings);
            return expanded.iter().map(|value| Ok(authenticated(matchers::principal(value)?))).collect();
        }
        values.iter().map(|value| one(attribute, value, scope)).collect()
    }
}

fn one(attribute: &Attribute, value: &str, scope: &Scope<'_>) -> Result<Principal, Unsayable> {
    Ok(match attribute {
        Attribute::SourceIp => principal(Identifier::DirectRemoteIp(range(value)?)),
        Attribute::RemoteIp => principal(Identifier::RemoteIp(range(value)?)),
        Attribute::SourceNamespace => authenticated(matchers::namespace(value)?),
        Attribute::SourceServiceAccount => authenticated(matchers::service_account(value, scope.namespace)?),
        Attribute::Header(name) if scope.layer == Layer::Http => {
            principal(Identifier::Header(matchers::header(name, value)?))
        }
        _ => return Err(Unsayable),
    })
}

/// Envoy compares with the peer's URI names, else with its DNS names, else with the subject;
/// without a certificate nothing matches.
fn authenticated(name: StringMatcher) -> Principal {
    principal(Identifier::Authenticated(Authenticated { principal_name: Some(name) }))
}

fn range(value: &str) -> Result<CidrRange, Unsayable> {
    let cidr: carrick_model::Cidr = value.parse().map_err(|_| Unsayable)?;
    Ok(address::range(cidr.address(), cidr.prefix()))
}

fn principal(identifier: Identifier) -> Principal {
    Principal { identifier: Some(identifier) }
}
