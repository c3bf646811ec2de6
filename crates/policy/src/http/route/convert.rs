//! Route tables from protobuf. Every field is looked at: obeyed, without effect here, or refused.
//!
//! It must not know how a table is used.

use std::sync::Arc;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::route::v3 as pb;
use carrick_xds::pb::envoy::config::route::v3::virtual_host::TlsRequirementType;

use super::convert_action::action;
use super::domains::Domains;
use super::matching::RouteMatch;
use super::mirror::Mirror;
use super::mutation::HeaderRules;
use super::retry::RetryPolicy;
use super::surroundings::{Surroundings, refuse_if};
use super::{Route, RouteTable, VirtualHost};
use crate::config;
use crate::http::filters::{FilterConfigs, PerRoute};

/// Envoy's default for `max_direct_response_body_size_bytes`.
const DIRECT_RESPONSE_LIMIT: usize = 4096;

impl RouteTable {
    /// Refuses what is not implemented, by field path.
    pub fn from_proto(pb: &pb::RouteConfiguration) -> Result<Self, FieldError> {
        let pb::RouteConfiguration {
            // Route tables are filed under this name by whoever receives them.
            name: _,
            virtual_hosts,
            vhds,
            // Nothing is internal to Carrick, and these are removed only from external requests by
            // the edge's filters.
            internal_only_headers,
            response_headers_to_add,
            response_headers_to_remove,
            request_headers_to_add,
            request_headers_to_remove,
            most_specific_header_mutations_wins,
            // Carrick never validates; a cluster that is missing when a request comes is a 503
            // (Envoy with RDS: the same).
            validate_clusters: _,
            max_direct_response_body_size_bytes,
            cluster_specifier_plugins,
            request_mirror_policies,
            ignore_port_in_host_matching,
            vhost_header,
            ignore_path_parameters_in_path_matching,
            typed_per_filter_config,
            metadata: _,
            route_specifiers,
        } = pb;
        refuse_if(vhds.is_some(), "vhds")?;
        refuse_if(!internal_only_headers.is_empty(), "internal_only_headers")?;
        refuse_if(!cluster_specifier_plugins.is_empty(), "cluster_specifier_plugins")?;
        refuse_if(!vhost_header.is_empty(), "vhost_header")?;
        refuse_if(!route_specifiers.is_empty(), "route_specifiers")?;
        let filters = FilterConfigs::from_proto(typed_per_filter_config)?;
        let mirrors = Mirror::several(request_mirror_policies)?;
        let rules = HeaderRules::from_proto(
            request_headers_to_add,
            request_headers_to_remove,
            response_headers_to_add,
            response_headers_to_remove,
        )?;
        let rules = (!rules.is_empty()).then(|| Arc::new(rules));
        let limit = max_direct_response_body_size_bytes.map_or(DIRECT_RESPONSE_LIMIT, |limit| limit as usize);

        let mut domains = Domains::new(*ignore_port_in_host_matching);
        let mut hosts = Vec::with_capacity(virtual_hosts.len());
        for (index, host) in virtual_hosts.iter().enumerate() {
            let place = |error: FieldError| error.within(format!("virtual_hosts[{index}]"));
            if host.domains.is_empty() {
                return Err(place(FieldError::new("domains", "at least one is required")));
            }
            for (number, domain) in host.domains.iter().enumerate() {
                domains
                    .add(domain, index)
                    .map_err(|error| place(error.within(format!("domains[{number}]"))))?;
            }
            let table = TableScope {
                rules: rules.as_ref(),
                filters: &filters,
                mirrors: &mirrors,
                most_specific_wins: *most_specific_header_mutations_wins,
                limit,
            };
            hosts.push(virtual_host(host, &table).map_err(place)?);
        }
        Ok(Self {
            domains,
            virtual_hosts: hosts,
            ignore_path_parameters: *ignore_path_parameters_in_path_matching,
        })
    }
}

struct TableScope<'a> {
    rules: Option<&'a Arc<HeaderRules>>,
    filters: &'a FilterConfigs,
    mirrors: &'a Arc<[Mirror]>,
    most_specific_wins: bool,
    limit: usize,
}

fn virtual_host(pb: &pb::VirtualHost, table: &TableScope<'_>) -> Result<VirtualHost, FieldError> {
    let pb::VirtualHost {
        name: _,
        domains: _,
        routes,
        matcher,
        require_tls,
        // Statistics by virtual cluster are not kept.
        virtual_clusters: _,
        rate_limits,
        request_headers_to_add,
        request_headers_to_remove,
        response_headers_to_add,
        response_headers_to_remove,
        cors,
        typed_per_filter_config,
        include_request_attempt_count,
        include_attempt_count_in_response,
        retry_policy,
        retry_policy_typed_config,
        hedge_policy,
        include_is_timeout_retry_header,
        // Bodies are buffered for retries only up to a fixed, smaller limit.
        per_request_buffer_limit_bytes: _,
        request_body_buffer_limit: _,
        request_mirror_policies,
        metadata: _,
        route_specifiers,
    } = pb;
    refuse_if(matcher.is_some(), "matcher")?;
    refuse_if(!rate_limits.is_empty(), "rate_limits")?;
    refuse_if(cors.is_some(), "cors")?;
    refuse_if(retry_policy_typed_config.is_some(), "retry_policy_typed_config")?;
    refuse_if(hedge_policy.is_some(), "hedge_policy")?;
    refuse_if(*include_is_timeout_retry_header, "include_is_timeout_retry_header")?;
    refuse_if(!route_specifiers.is_empty(), "route_specifiers")?;
    let filters = FilterConfigs::from_proto(typed_per_filter_config)?;
    let require_tls = match TlsRequirementType::try_from(*require_tls) {
        Ok(TlsRequirementType::None) => false,
        // Carrick regards no request as internal, so both mean the same.
        Ok(TlsRequirementType::All | TlsRequirementType::ExternalOnly) => true,
        Err(_) => return Err(FieldError::new("require_tls", format!("unknown value {require_tls}"))),
    };
    let rules = HeaderRules::from_proto(
        request_headers_to_add,
        request_headers_to_remove,
        response_headers_to_add,
        response_headers_to_remove,
    )?;
    let retry = retry_policy.as_ref().map(RetryPolicy::from_proto).transpose();
    let mut headers: Vec<_> = (!rules.is_empty()).then(|| Arc::new(rules)).into_iter().collect();
    headers.extend(table.rules.cloned());
    if table.most_specific_wins {
        headers.reverse();
    }
    let surroundings = Surroundings {
        headers,
        route_rules_last: table.most_specific_wins,
        retry: retry.map_err(|error| error.within("retry_policy"))?.map(Arc::new),
        mirrors: match request_mirror_policies.is_empty() {
            true => table.mirrors.clone(),
            false => Mirror::several(request_mirror_policies)?,
        },
        attempt_count_in_request: *include_request_attempt_count,
        attempt_count_in_response: *include_attempt_count_in_response,
        direct_response_limit: table.limit,
    };
    let filters = [&filters, table.filters];
    let convert = |(index, pb): (usize, &pb::Route)| match route(pb, &surroundings, filters) {
        Ok(route) => Ok(Arc::new(route)),
        Err(error) => Err(error.within(format!("routes[{index}]"))),
    };
    Ok(VirtualHost { require_tls, routes: routes.iter().enumerate().map(convert).collect::<Result<_, _>>()? })
}

fn route(
    pb: &pb::Route,
    surroundings: &Surroundings,
    outer_filters: [&FilterConfigs; 2],
) -> Result<Route, FieldError> {
    let pb::Route {
        name,
        r#match,
        metadata,
        // Names spans of traces, which Carrick does not make.
        decorator: _,
        typed_per_filter_config,
        request_headers_to_add,
        request_headers_to_remove,
        response_headers_to_add,
        response_headers_to_remove,
        tracing: _,
        per_request_buffer_limit_bytes: _,
        // Names statistics by route, which are not kept.
        stat_prefix: _,
        request_body_buffer_limit: _,
        route_specifiers,
        action: route_action,
    } = pb;
    refuse_if(!route_specifiers.is_empty(), "route_specifiers")?;
    let filters = FilterConfigs::from_proto(typed_per_filter_config)?;
    let Some(pb_match) = r#match else { return Err(FieldError::new("match", "is required")) };
    let matching = RouteMatch::from_proto(pb_match).map_err(|error| error.within("match"))?;
    let rules = HeaderRules::from_proto(
        request_headers_to_add,
        request_headers_to_remove,
        response_headers_to_add,
        response_headers_to_remove,
    )?;
    let mut headers = surroundings.headers.clone();
    if !rules.is_empty() {
        let place = if surroundings.route_rules_last { headers.len() } else { 0 };
        headers.insert(place, Arc::new(rules));
    }
    Ok(Route {
        name: name.as_str().into(),
        rule: config::rule(metadata.as_ref()).map(|rule| rule.as_str().into()),
        action: action(route_action.as_ref(), &matching, surroundings)?,
        matching,
        headers,
        filters: PerRoute::joined(&[&filters, outer_filters[0], outer_filters[1]]),
        attempt_count_in_request: surroundings.attempt_count_in_request,
        attempt_count_in_response: surroundings.attempt_count_in_response,
    })
}
