//! Envoy's RBAC filters. They must not know where their rules come from.

use crate::envoy::hcm::HttpFilter;
use crate::envoy::listener::Filter;
use crate::envoy::rbac::Rbac;
use carrick_xds::pb::envoy::extensions::filters::{
    http::rbac::v3::Rbac as HttpRbac, network::rbac::v3::Rbac as NetworkRbac,
};

/// Rules in force, and rules that only count what they would have done.
pub(crate) fn http(rules: Option<Rbac>, trial: Option<Rbac>, trial_prefix: &str) -> Option<HttpFilter> {
    if rules.is_none() && trial.is_none() {
        return None;
    }
    let shadow_rules_stat_prefix = if trial.is_some() { trial_prefix.into() } else { String::new() };
    let config = HttpRbac { rules, shadow_rules: trial, shadow_rules_stat_prefix, ..Default::default() };
    Some(super::http::http_filter("envoy.filters.http.rbac", &config))
}

/// The same for bytes: judged once, when the first of them arrive.
pub(crate) fn tcp(rules: Option<Rbac>, trial: Option<Rbac>, trial_prefix: &str) -> Option<Filter> {
    if rules.is_none() && trial.is_none() {
        return None;
    }
    let shadow_rules_stat_prefix = if trial.is_some() { trial_prefix.into() } else { String::new() };
    let config = NetworkRbac {
        rules,
        shadow_rules: trial,
        shadow_rules_stat_prefix,
        stat_prefix: "tcp.".into(),
        ..Default::default()
    };
    Some(super::network_filter("envoy.filters.network.rbac", &config))
}
