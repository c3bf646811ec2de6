//! What is done: ports, addresses, server names, and in HTTP hosts, methods and paths
//! (`authz/model/generator.go`, `permission`).

use carrick_model::resources::Attribute;

use super::clause::{Layer, Scope, Side, Unsayable};
use super::matchers;
use crate::address;
use crate::envoy::matcher::{PathMatcher, path_matcher};
use crate::envoy::rbac::{Permission, permission};
use permission::Rule;

impl Side for Permission {
    fn anything() -> Self {
        permission(Rule::Any(true))
    }

    fn all(rules: Vec<Self>) -> Self {
        permission(Rule::AndRules(permission::Set { rules }))
    }

    fn any(rules: Vec<Self>) -> Self {
        permission(Rule::OrRules(permission::Set { rules }))
    }

    fn not(rule: Self) -> Self {
        permission(Rule::NotRule(Box::new(rule)))
    }

    fn one_of(attribute: &Attribute, values: &[String], scope: &Scope<'_>) -> Result<Vec<Self>, Unsayable> {
        values.iter().map(|value| one(attribute, value, scope)).collect()
    }
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
    Ok(permission(rule))
}

fn permission(rule: Rule) -> Permission {
    Permission { rule: Some(rule) }
}
