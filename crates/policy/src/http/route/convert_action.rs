//! Route actions from protobuf.
//!
//! It must not know about virtual hosts beyond what [`Surroundings`] hands on.

use std::sync::Arc;
use std::time::Duration;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::core::v3::DataSource;
use carrick_xds::pb::envoy::config::core::v3::data_source::Specifier;
use carrick_xds::pb::envoy::config::route::v3 as pb;
use carrick_xds::pb::envoy::config::route::v3::redirect_action::{
    PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier,
};
use carrick_xds::pb::envoy::config::route::v3::route_action::{
    ClusterNotFoundResponseCode, ClusterSpecifier, HostRewriteSpecifier, UpgradeConfig,
};
use carrick_xds::pb::envoy::config::route::v3::weighted_cluster::{ClusterWeight, cluster_weight};
use carrick_xds::pb::envoy::r#type::matcher::v3::RegexMatchAndSubstitute;
use http::{HeaderValue, StatusCode};

use super::action::{
    Action, ClusterChoice, DirectResponse, Forward, HostRewrite, PathRewrite, Redirect, RedirectPath,
    WeightedCluster,
};
use super::hash::HashPolicies;
use super::matching::RouteMatch;
use super::mirror::Mirror;
use super::mutation::HeaderRules;
use super::retry::RetryPolicy;
use super::surroundings::{Surroundings, refuse_if, refused};
use crate::config::{duration, optional_duration};
use crate::matcher::search_regex;

/// Envoy's default for `RouteAction.timeout`.
const ROUTE_TIMEOUT: Duration = Duration::from_secs(15);

pub(super) fn action(
    pb: Option<&pb::route::Action>,
    matching: &RouteMatch,
    surroundings: &Surroundings,
) -> Result<Action, FieldError> {
    match pb {
        Some(pb::route::Action::Route(pb)) => forward(pb, matching, surroundings)
            .map(|forward| Action::Forward(Box::new(forward)))
            .map_err(|error| error.within("route")),
        Some(pb::route::Action::Redirect(pb)) => {
            redirect(pb, matching).map(Action::Redirect).map_err(|error| error.within("redirect"))
        }
        Some(pb::route::Action::DirectResponse(pb)) => {
            direct_response(pb, surroundings.direct_response_limit)
                .map(Action::Respond)
                .map_err(|error| error.within("direct_response"))
        }
        Some(pb::route::Action::FilterAction(_)) => Err(refused("filter_action")),
        Some(pb::route::Action::NonForwardingAction(_)) => Err(refused("non_forwarding_action")),
        None => Err(FieldError::new("action", "is required")),
    }
}

fn forward(
    pb: &pb::RouteAction,
    matching: &RouteMatch,
    surroundings: &Surroundings,
) -> Result<Forward, FieldError> {
    let pb::RouteAction {
        cluster_not_found_response_code,
        metadata_match,
        prefix_rewrite,
        regex_rewrite,
        path_rewrite_policy,
        path_rewrite,
        append_x_forwarded_host,
        timeout,
        idle_timeout,
        flush_timeout,
        early_data_policy: _,
        retry_policy,
        retry_policy_typed_config,
        request_mirror_policies,
        priority,
        rate_limits,
        include_vh_rate_limits: _,
        hash_policy,
        cors,
        max_grpc_timeout,
        grpc_timeout_offset,
        upgrade_configs,
        internal_redirect_policy,
        internal_redirect_action,
        max_internal_redirects: _,
        hedge_policy,
        max_stream_duration,
        cluster_specifier,
        host_rewrite_specifier,
    } = pb;
    refuse_if(metadata_match.is_some(), "metadata_match")?;
    refuse_if(path_rewrite_policy.is_some(), "path_rewrite_policy")?;
    refuse_if(!path_rewrite.is_empty(), "path_rewrite")?;
    refuse_if(flush_timeout.is_some(), "flush_timeout")?;
    refuse_if(retry_policy_typed_config.is_some(), "retry_policy_typed_config")?;
    refuse_if(!rate_limits.is_empty(), "rate_limits")?;
    refuse_if(cors.is_some(), "cors")?;
    refuse_if(grpc_timeout_offset.is_some(), "grpc_timeout_offset")?;
    refuse_if(internal_redirect_policy.is_some(), "internal_redirect_policy")?;
    refuse_if(*internal_redirect_action != 0, "internal_redirect_action")?;
    refuse_if(hedge_policy.is_some(), "hedge_policy")?;
    refuse_if(*priority != 0, "priority")?;
    let stream = max_stream_duration.unwrap_or_default();
    refuse_if(stream.grpc_timeout_header_offset.is_some(), "max_stream_duration.grpc_timeout_header_offset")?;

    let not_found = *cluster_not_found_response_code;
    let cluster_not_found = match ClusterNotFoundResponseCode::try_from(not_found) {
        Ok(ClusterNotFoundResponseCode::ServiceUnavailable) => StatusCode::SERVICE_UNAVAILABLE,
        Ok(ClusterNotFoundResponseCode::NotFound) => StatusCode::NOT_FOUND,
        Ok(ClusterNotFoundResponseCode::InternalServerError) => StatusCode::INTERNAL_SERVER_ERROR,
        Err(_) => {
            let reason = format!("unknown value {not_found}");
            return Err(FieldError::new("cluster_not_found_response_code", reason));
        }
    };
    let retry = match retry_policy {
        Some(pb) => {
            Some(Arc::new(RetryPolicy::from_proto(pb).map_err(|error| error.within("retry_policy"))?))
        }
        None => surroundings.retry.clone(),
    };
    let grpc_header_max = optional_duration(
        stream.grpc_timeout_header_max.as_ref(),
        "max_stream_duration.grpc_timeout_header_max",
    )?;
    Ok(Forward {
        cluster: cluster_choice(cluster_specifier.as_ref())?,
        cluster_not_found,
        path_rewrite: rewrite(prefix_rewrite, regex_rewrite.as_ref(), matching)?,
        host_rewrite: host_rewrite(host_rewrite_specifier.as_ref())?,
        append_forwarded_host: *append_x_forwarded_host,
        timeout: some_if_set(duration(timeout.as_ref(), "timeout", ROUTE_TIMEOUT)?),
        grpc_timeout_max: grpc_header_max
            .or(optional_duration(max_grpc_timeout.as_ref(), "max_grpc_timeout")?),
        idle_timeout: optional_duration(idle_timeout.as_ref(), "idle_timeout")?,
        max_stream_duration: optional_duration(
            stream.max_stream_duration.as_ref(),
            "max_stream_duration.max_stream_duration",
        )?
        .and_then(some_if_set),
        retry,
        hash: HashPolicies::from_proto(hash_policy)?,
        mirrors: match request_mirror_policies.is_empty() {
            true => surroundings.mirrors.clone(),
            false => Mirror::several(request_mirror_policies)?,
        },
        upgrades: upgrades(upgrade_configs)?,
    })
}

/// Zero switches a timeout off.
fn some_if_set(timeout: Duration) -> Option<Duration> {
    (!timeout.is_zero()).then_some(timeout)
}

fn upgrades(configs: &[UpgradeConfig]) -> Result<Vec<(String, bool)>, FieldError> {
    let upgrade = |(index, config): (usize, &UpgradeConfig)| {
        let field = |name: &str| format!("upgrade_configs[{index}].{name}");
        if config.upgrade_type.eq_ignore_ascii_case("CONNECT") || config.connect_config.is_some() {
            return Err(FieldError::new(field("upgrade_type"), "CONNECT is not supported"));
        }
        Ok((config.upgrade_type.to_ascii_lowercase(), config.enabled.unwrap_or(true)))
    };
    configs.iter().enumerate().map(upgrade).collect()
}

fn cluster_choice(pb: Option<&ClusterSpecifier>) -> Result<ClusterChoice, FieldError> {
    match pb {
        Some(ClusterSpecifier::Cluster(name)) if name.is_empty() => {
            Err(FieldError::new("cluster", "is empty"))
        }
        Some(ClusterSpecifier::Cluster(name)) => Ok(ClusterChoice::One(name.as_str().into())),
        Some(ClusterSpecifier::WeightedClusters(pb)) => {
            weighted(pb).map_err(|error| error.within("weighted_clusters"))
        }
        Some(ClusterSpecifier::ClusterHeader(_)) => Err(refused("cluster_header")),
        Some(ClusterSpecifier::ClusterSpecifierPlugin(_)) => Err(refused("cluster_specifier_plugin")),
        Some(ClusterSpecifier::InlineClusterSpecifierPlugin(_)) => {
            Err(refused("inline_cluster_specifier_plugin"))
        }
        None => Err(FieldError::new("cluster_specifier", "is required")),
    }
}

fn weighted(pb: &pb::WeightedCluster) -> Result<ClusterChoice, FieldError> {
    // The sum of the weights counts, as in Envoy since total_weight was deprecated.
    let pb::WeightedCluster { clusters, total_weight: _, runtime_key_prefix, random_value_specifier } = pb;
    refuse_if(!runtime_key_prefix.is_empty(), "runtime_key_prefix")?;
    refuse_if(random_value_specifier.is_some(), "random_value_specifier")?;
    let convert = |(index, pb): (usize, &ClusterWeight)| {
        weighted_cluster(pb).map_err(|error| error.within(format!("clusters[{index}]")))
    };
    let clusters = clusters.iter().enumerate().map(convert).collect::<Result<Vec<_>, _>>()?;
    let total = clusters.iter().map(|cluster| u64::from(cluster.weight)).sum();
    match total {
        0 => Err(FieldError::new("clusters", "the sum of the weights must be above zero")),
        total => Ok(ClusterChoice::Weighted { clusters, total }),
    }
}

fn weighted_cluster(pb: &ClusterWeight) -> Result<WeightedCluster, FieldError> {
    let ClusterWeight {
        name,
        cluster_header,
        weight,
        metadata_match,
        request_headers_to_add,
        request_headers_to_remove,
        response_headers_to_add,
        response_headers_to_remove,
        typed_per_filter_config,
        host_rewrite_specifier,
    } = pb;
    refuse_if(!cluster_header.is_empty(), "cluster_header")?;
    refuse_if(metadata_match.is_some(), "metadata_match")?;
    if let Some(name) = typed_per_filter_config.keys().next() {
        return Err(refused(&format!("typed_per_filter_config[{name}]")));
    }
    let headers = HeaderRules::from_proto(
        request_headers_to_add,
        request_headers_to_remove,
        response_headers_to_add,
        response_headers_to_remove,
    )?;
    let host_rewrite = match host_rewrite_specifier {
        Some(cluster_weight::HostRewriteSpecifier::HostRewriteLiteral(host)) => {
            Some(header_value(host, "host_rewrite_literal")?)
        }
        None => None,
    };
    Ok(WeightedCluster {
        name: name.as_str().into(),
        weight: weight.unwrap_or(0),
        host_rewrite,
        headers: (!headers.is_empty()).then(|| Arc::new(headers)),
    })
}

fn rewrite(
    prefix: &str,
    regex: Option<&RegexMatchAndSubstitute>,
    matching: &RouteMatch,
) -> Result<Option<PathRewrite>, FieldError> {
    match (prefix, regex) {
        ("", None) => Ok(None),
        (prefix, None) => prefix_rewrite(prefix, matching).map(Some),
        ("", Some(regex)) => regex_rewrite(regex).map(Some).map_err(|error| error.within("regex_rewrite")),
        _ => Err(FieldError::new("prefix_rewrite", "cannot be given together with regex_rewrite")),
    }
}

fn prefix_rewrite(with: &str, matching: &RouteMatch) -> Result<PathRewrite, FieldError> {
    let Some(matched) = matching.matched_prefix_len() else {
        return Err(FieldError::new("prefix_rewrite", "needs a match by prefix or path; use regex_rewrite"));
    };
    Ok(PathRewrite::Prefix { matched, with: with.to_owned() })
}

/// RE2 writes groups as `\1` and a backslash as `\\`; the regex crate writes `${1}`, and `$$` for a
/// dollar sign.
fn regex_rewrite(pb: &RegexMatchAndSubstitute) -> Result<PathRewrite, FieldError> {
    let Some(pattern) = &pb.pattern else { return Err(FieldError::new("pattern", "is required")) };
    let pattern = search_regex(pattern).map_err(|error| error.within("pattern"))?;
    let mut with = String::new();
    let mut chars = pb.substitution.chars();
    while let Some(c) = chars.next() {
        match c {
            '$' => with.push_str("$$"),
            '\\' => match chars.next() {
                Some('\\') => with.push('\\'),
                Some(digit) if digit.to_digit(10).is_some_and(|n| (n as usize) < pattern.captures_len()) => {
                    with.push_str(&format!("${{{digit}}}"));
                }
                other => {
                    let what = other.map(String::from).unwrap_or_default();
                    return Err(FieldError::new(
                        "substitution",
                        format!("\\{what} names no group of the pattern"),
                    ));
                }
            },
            c => with.push(c),
        }
    }
    Ok(PathRewrite::Regex { pattern, with })
}

fn host_rewrite(pb: Option<&HostRewriteSpecifier>) -> Result<Option<HostRewrite>, FieldError> {
    match pb {
        None | Some(HostRewriteSpecifier::AutoHostRewrite(false)) => Ok(None),
        Some(HostRewriteSpecifier::HostRewriteLiteral(host)) => {
            Ok(Some(HostRewrite::Literal(header_value(host, "host_rewrite_literal")?)))
        }
        Some(HostRewriteSpecifier::AutoHostRewrite(true)) => Ok(Some(HostRewrite::Endpoint)),
        Some(HostRewriteSpecifier::HostRewriteHeader(_)) => Err(refused("host_rewrite_header")),
        Some(HostRewriteSpecifier::HostRewritePathRegex(_)) => Err(refused("host_rewrite_path_regex")),
        Some(HostRewriteSpecifier::HostRewrite(_)) => Err(refused("host_rewrite")),
    }
}

fn header_value(text: &str, field: &str) -> Result<HeaderValue, FieldError> {
    let value = HeaderValue::from_str(text).ok().filter(|value| !value.is_empty() && value.to_str().is_ok());
    value.ok_or_else(|| FieldError::new(field, format!("{text:?} cannot be a host")))
}

fn redirect(pb: &pb::RedirectAction, matching: &RouteMatch) -> Result<Redirect, FieldError> {
    let pb::RedirectAction {
        host_redirect,
        port_redirect,
        response_code,
        strip_query,
        scheme_rewrite_specifier,
        path_rewrite_specifier,
    } = pb;
    let status = match RedirectResponseCode::try_from(*response_code) {
        Ok(RedirectResponseCode::MovedPermanently) => StatusCode::MOVED_PERMANENTLY,
        Ok(RedirectResponseCode::Found) => StatusCode::FOUND,
        Ok(RedirectResponseCode::SeeOther) => StatusCode::SEE_OTHER,
        Ok(RedirectResponseCode::TemporaryRedirect) => StatusCode::TEMPORARY_REDIRECT,
        Ok(RedirectResponseCode::PermanentRedirect) => StatusCode::PERMANENT_REDIRECT,
        Err(_) => return Err(FieldError::new("response_code", format!("unknown value {response_code}"))),
    };
    let port =
        match port_redirect {
            0 => None,
            port => Some(u16::try_from(*port).map_err(|_| {
                FieldError::new("port_redirect", format!("{port} is not a port (1 to 65535)"))
            })?),
        };
    let path = match path_rewrite_specifier {
        None => RedirectPath::Keep,
        Some(PathRewriteSpecifier::PathRedirect(path)) => RedirectPath::Replace(path.clone()),
        Some(PathRewriteSpecifier::PrefixRewrite(prefix)) => {
            RedirectPath::Rewrite(prefix_rewrite(prefix, matching)?)
        }
        Some(PathRewriteSpecifier::RegexRewrite(regex)) => {
            RedirectPath::Rewrite(regex_rewrite(regex).map_err(|error| error.within("regex_rewrite"))?)
        }
        Some(PathRewriteSpecifier::PathRewrite(_)) => return Err(refused("path_rewrite")),
    };
    Ok(Redirect {
        status,
        scheme: match scheme_rewrite_specifier {
            None | Some(SchemeRewriteSpecifier::HttpsRedirect(false)) => None,
            Some(SchemeRewriteSpecifier::HttpsRedirect(true)) => Some("https".into()),
            Some(SchemeRewriteSpecifier::SchemeRedirect(scheme)) => Some(scheme.clone()),
        },
        host: (!host_redirect.is_empty()).then(|| host_redirect.clone()),
        port,
        path,
        strip_query: *strip_query,
    })
}

fn direct_response(pb: &pb::DirectResponseAction, limit: usize) -> Result<DirectResponse, FieldError> {
    let pb::DirectResponseAction { status, body, body_format } = pb;
    refuse_if(body_format.is_some(), "body_format")?;
    let code = u16::try_from(*status).ok().filter(|code| (200..600).contains(code));
    let status = code.and_then(|code| StatusCode::from_u16(code).ok());
    let status =
        status.ok_or_else(|| FieldError::new("status", format!("{} is not in 200 to 599", pb.status)))?;
    let body = match body.as_ref().map(|DataSource { specifier, .. }| specifier) {
        None => Vec::new(),
        Some(Some(Specifier::InlineString(text))) => text.clone().into_bytes(),
        Some(Some(Specifier::InlineBytes(bytes))) => bytes.clone(),
        Some(_) => return Err(FieldError::new("body", "only inline_string and inline_bytes are supported")),
    };
    if body.len() > limit {
        let reason = format!("is {} bytes long; max_direct_response_body_size_bytes is {limit}", body.len());
        return Err(FieldError::new("body", reason));
    }
    Ok(DirectResponse { status, body: body.into() })
}
