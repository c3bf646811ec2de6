//! What a request is hashed by, where its destination balances by hash
//! (`pilot/pkg/networking/core/route/route.go`, `consistentHashToHashPolicy`).

use carrick_model::resources::ConsistentHashLb;
use carrick_model::snapshot::Service;

use crate::context::Context;
use crate::duration::duration;
use crate::envoy::route::route_action::HashPolicy;
use crate::envoy::route::route_action::hash_policy::{
    ConnectionProperties, Cookie, Header, PolicySpecifier, QueryParameter,
};

pub(super) fn hash_policies(
    context: &Context<'_>,
    service: &Service,
    port: u16,
    subset: &str,
) -> Vec<HashPolicy> {
    let subset = (!subset.is_empty()).then_some(subset);
    let rule = context.destination_rule(service);
    let balancer = rule.and_then(|rule| rule.policy(port, subset).load_balancer);
    balancer
        .and_then(|settings| settings.consistent_hash)
        .and_then(|hash| policy(&hash))
        .into_iter()
        .collect()
}

fn policy(hash: &ConsistentHashLb) -> Option<HashPolicy> {
    let by = if !hash.http_header_name.is_empty() {
        PolicySpecifier::Header(Header { header_name: hash.http_header_name.clone(), ..Default::default() })
    } else if let Some(cookie) = &hash.http_cookie {
        PolicySpecifier::Cookie(Cookie {
            name: cookie.name.clone(),
            path: cookie.path.clone(),
            ttl: cookie.ttl.map(duration),
            ..Default::default()
        })
    } else if hash.use_source_ip {
        PolicySpecifier::ConnectionProperties(ConnectionProperties { source_ip: true })
    } else if !hash.http_query_parameter_name.is_empty() {
        PolicySpecifier::QueryParameter(QueryParameter { name: hash.http_query_parameter_name.clone() })
    } else {
        return None;
    };
    Some(HashPolicy { policy_specifier: Some(by), ..Default::default() })
}
