//! What is done: ports, addresses, server names, and in HTTP hosts, methods and paths (`authz/model/generator.go`, `permission`).

use carrick_model::resources::Attribute;

use super::clause::{Clause, Layer, Scope, Unsayable};
use super::matchers;
use crate::address;
use crate::envoy::matcher::{PathMatcher, path_matcher};
use crate::envoy::rbac::{Permission, permission};
use permission::Rule;

pub fn anything() -> Permission {
    of(Rule::Any(true))
}

/// All clauses together.
pub fn all_of(clauses: &[Clause<'_>], scope: &Scope<'_>) -> Result<Permission, Unsayable> {
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
                Ok(any) if is_excluded => all.push(of(Rule::NotRule(Box::new(any)))),
                Ok(any) => all.push(any),
                Err(unsayable) if scope.strict => return Err(unsayable),
                // Without this part, more is denied.
                Err(_) => {}
            }
        }
    }
    if all.is_empty() {
        all.push(anything());
    }
    Ok(of(Rule::AndRules(permission::Set { rules: all })))
}

fn any_of(clause: &Clause<'_>, values: &[String], scope: &Scope<'_>) -> Result<Permission, Unsayable> {
    let attribute = clause.attribute.as_ref().ok_or(Unsayable)?;
    let rules = values.iter().map(|value| one(attribute, value, scope)).collect::<Result<_, _>>()?;
    Ok(of(Rule::OrRules(permission::Set { rules })))
}

fn one(attribute: &Attribute, value: &str, scope: &Scope<'_>) -> Result<Permission, Unsayable> {
    let in_http = |rule: Rule| if scope.layer == Layer::Http { Ok(rule) } else { Err(Unsayable) };
    let rule = match attribute {
        Attribute::DestinationIp => {
            let cidr: carrick_model::Cidr = value.parse().map_err(|_| Unsayable)?;
            Rule::DestinationIp(address::range(cidr.address(), cidr.prefix()))
        }
        Attribute::DestinationPort => {
            Rule::DestinationPort(value.parse::<u16>().map_err(|_| Unsayable)?.into())
        }
        Attribute::Sni => Rule::RequestedServerName(matchers::text(value)?),
        Attribute::Host => in_http(Rule::Header(matchers::host(value)?))?,
        Attribute::Method => in_http(Rule::Header(matchers::header(":method", value)?))?,
        Attribute::Path => {
            let path = PathMatcher { rule: Some(path_matcher::Rule::Path(matchers::path(value)?)) };
            in_http(Rule::UrlPath(path))?
        }
        _ => return Err(Unsayable),
    };
    Ok(of(rule))
}

fn of(rule: Rule) -> Permission {
    Permission { rule: Some(rule) }
}
