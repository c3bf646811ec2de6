//! Access rules from protobuf. Every field is looked at: obeyed, without effect here, or refused.

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::core::v3::CidrRange;
use carrick_xds::pb::envoy::config::rbac::v3 as pb;
use carrick_xds::pb::envoy::config::rbac::v3::permission::Rule;
use carrick_xds::pb::envoy::config::rbac::v3::principal::Identifier;
use carrick_xds::pb::envoy::config::rbac::v3::rbac::{Action as ActionPb, AuditLoggingOptions};
use carrick_xds::pb::envoy::config::route::v3::HeaderMatcher as HeaderMatcherPb;
use carrick_xds::pb::envoy::r#type::matcher::v3::path_matcher::Rule as PathRule;
use carrick_xds::pb::envoy::r#type::matcher::v3::string_matcher::MatchPattern;
use carrick_xds::pb::envoy::r#type::matcher::v3::{PathMatcher, StringMatcher as StringMatcherPb};
use carrick_xds::pb::envoy::r#type::v3::Int32Range;

use super::condition::{Condition, PeerName};
use super::{Action, Policy, Rules};
use crate::config::address::Cidr;
use crate::matcher::{HeaderMatcher, StringMatcher};

/// Where rules are applied: what only a request has cannot be asked of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    Http,
    Network,
}

const TOP_PORT: u32 = 65_536;

fn refused<T>(field: &str) -> Result<T, FieldError> {
    Err(FieldError::new(field, "is not supported"))
}

impl Rules {
    pub fn from_proto(pb: &pb::Rbac, layer: Layer) -> Result<Self, FieldError> {
        let pb::Rbac { action, policies, audit_logging_options } = pb;
        let action = match ActionPb::try_from(*action) {
            Ok(ActionPb::Allow) => Action::Allow,
            Ok(ActionPb::Deny) => Action::Deny,
            Ok(ActionPb::Log) => Action::Log,
            Err(_) => return Err(FieldError::new("action", format!("unknown value {action}"))),
        };
        if audit_logging_options.as_ref().is_some_and(|pb| *pb != AuditLoggingOptions::default()) {
            return refused("audit_logging_options");
        }
        // A map with sorted keys, as in Envoy.
        let convert = |(name, pb): (&String, &pb::Policy)| {
            policy(name, pb, layer).map_err(|error| error.within(format!("policies[{name:?}]")))
        };
        Ok(Self { action, policies: policies.iter().map(convert).collect::<Result<_, _>>()? })
    }
}

fn policy(name: &str, pb: &pb::Policy, layer: Layer) -> Result<Policy, FieldError> {
    let pb::Policy { permissions, principals, condition, checked_condition, cel_config } = pb;
    if condition.is_some() {
        return refused("condition");
    }
    if checked_condition.is_some() {
        return refused("checked_condition");
    }
    if cel_config.is_some() {
        return refused("cel_config");
    }
    Ok(Policy {
        name: name.to_owned(),
        permissions: several(permissions, "permissions", |pb| permission(pb, layer))?,
        principals: several(principals, "principals", |pb| principal(pb, layer))?,
    })
}

/// A list that must not be empty: an empty one would match everything or nothing, depending on who
/// reads it.
fn several<T>(
    list: &[T],
    field: &str,
    convert: impl Fn(&T) -> Result<Condition, FieldError>,
) -> Result<Vec<Condition>, FieldError> {
    if list.is_empty() {
        return Err(FieldError::new(field, "at least one is required"));
    }
    let convert = |(n, pb)| convert(pb).map_err(|error| error.within(format!("{field}[{n}]")));
    list.iter().enumerate().map(convert).collect()
}

fn permission(pb: &pb::Permission, layer: Layer) -> Result<Condition, FieldError> {
    let inner = |pb: &pb::Permission| permission(pb, layer);
    let set = |set: &pb::permission::Set, field: &str| {
        several(&set.rules, "rules", inner).map_err(|error| error.within(field))
    };
    Ok(match pb.rule.as_ref() {
        Some(Rule::AndRules(rules)) => Condition::All(set(rules, "and_rules")?),
        Some(Rule::OrRules(rules)) => Condition::AnyOf(set(rules, "or_rules")?),
        Some(Rule::NotRule(rule)) => {
            Condition::Not(Box::new(inner(rule).map_err(|error| error.within("not_rule"))?))
        }
        Some(Rule::Any(any)) => always(*any)?,
        Some(Rule::Header(pb)) => header(pb, layer)?,
        Some(Rule::UrlPath(pb)) => url_path(pb, layer)?,
        Some(Rule::DestinationIp(pb)) => Condition::DestinationIp(range(pb, "destination_ip")?),
        Some(Rule::DestinationPort(port)) if *port < TOP_PORT => {
            Condition::DestinationPorts(*port..*port + 1)
        }
        Some(Rule::DestinationPort(port)) => {
            return Err(FieldError::new("destination_port", format!("{port} is not a port (0 to 65535)")));
        }
        Some(Rule::DestinationPortRange(pb)) => Condition::DestinationPorts(port_range(pb)?),
        Some(Rule::RequestedServerName(pb)) => Condition::ServerName(text(pb, "requested_server_name")?),
        Some(Rule::Metadata(_)) => return refused("metadata"),
        Some(Rule::SourcedMetadata(_)) => return refused("sourced_metadata"),
        Some(Rule::Matcher(_)) => return refused("matcher"),
        Some(Rule::UriTemplate(_)) => return refused("uri_template"),
        None => return Err(FieldError::new("rule", "is required")),
    })
}

fn principal(pb: &pb::Principal, layer: Layer) -> Result<Condition, FieldError> {
    let inner = |pb: &pb::Principal| principal(pb, layer);
    let set = |set: &pb::principal::Set, field: &str| {
        several(&set.ids, "ids", inner).map_err(|error| error.within(field))
    };
    Ok(match pb.identifier.as_ref() {
        Some(Identifier::AndIds(ids)) => Condition::All(set(ids, "and_ids")?),
        Some(Identifier::OrIds(ids)) => Condition::AnyOf(set(ids, "or_ids")?),
        Some(Identifier::NotId(id)) => {
            Condition::Not(Box::new(inner(id).map_err(|error| error.within("not_id"))?))
        }
        Some(Identifier::Any(any)) => always(*any)?,
        Some(Identifier::Authenticated(pb)) => {
            let name = pb.principal_name.as_ref();
            let name = name.map(peer_name).transpose();
            Condition::Authenticated(name.map_err(|error| error.within("authenticated"))?)
        }
        Some(Identifier::SourceIp(pb)) => Condition::DirectRemoteIp(range(pb, "source_ip")?),
        Some(Identifier::DirectRemoteIp(pb)) => Condition::DirectRemoteIp(range(pb, "direct_remote_ip")?),
        Some(Identifier::RemoteIp(pb)) => Condition::RemoteIp(range(pb, "remote_ip")?),
        Some(Identifier::Header(pb)) => header(pb, layer)?,
        Some(Identifier::UrlPath(pb)) => url_path(pb, layer)?,
        Some(Identifier::Metadata(_)) => return refused("metadata"),
        Some(Identifier::SourcedMetadata(_)) => return refused("sourced_metadata"),
        Some(Identifier::FilterState(_)) => return refused("filter_state"),
        Some(Identifier::Custom(_)) => return refused("custom"),
        None => return Err(FieldError::new("identifier", "is required")),
    })
}

fn always(any: bool) -> Result<Condition, FieldError> {
    if any { Ok(Condition::Always) } else { Err(FieldError::new("any", "must be true")) }
}

fn only_for_http(layer: Layer, field: &str) -> Result<(), FieldError> {
    match layer {
        Layer::Http => Ok(()),
        Layer::Network => Err(FieldError::new(field, "a connection has none; only the HTTP filter can ask")),
    }
}

fn header(pb: &HeaderMatcherPb, layer: Layer) -> Result<Condition, FieldError> {
    only_for_http(layer, "header")?;
    HeaderMatcher::from_proto(pb).map(Condition::Header).map_err(|error| error.within("header"))
}

fn url_path(pb: &PathMatcher, layer: Layer) -> Result<Condition, FieldError> {
    only_for_http(layer, "url_path")?;
    match pb.rule.as_ref() {
        Some(PathRule::Path(pb)) => {
            text(pb, "path").map(Condition::Path).map_err(|error| error.within("url_path"))
        }
        None => Err(FieldError::new("url_path.path", "is required")),
    }
}

fn text(pb: &StringMatcherPb, field: &str) -> Result<StringMatcher, FieldError> {
    StringMatcher::from_proto(pb).map_err(|error| error.within(field))
}

fn peer_name(pb: &StringMatcherPb) -> Result<PeerName, FieldError> {
    let pattern = match pb.match_pattern.as_ref() {
        Some(MatchPattern::Exact(text) | MatchPattern::Prefix(text)) => text.as_str(),
        Some(MatchPattern::SafeRegex(regex)) => regex.regex.as_str(),
        _ => "",
    };
    let is_spiffe_id = pattern.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("spiffe:"));
    Ok(PeerName { matcher: text(pb, "principal_name")?, is_spiffe_id })
}

fn range(pb: &CidrRange, field: &str) -> Result<Cidr, FieldError> {
    Cidr::from_proto(pb).map_err(|error| error.within(field))
}

fn port_range(pb: &Int32Range) -> Result<std::ops::Range<u32>, FieldError> {
    let bound = |n: i32, field: &str| {
        let bound = u32::try_from(n).ok().filter(|n| *n <= TOP_PORT);
        let reason = || FieldError::new(field, format!("{n} is not in 0 to {TOP_PORT}"));
        bound.ok_or_else(reason).map_err(|error| error.within("destination_port_range"))
    };
    let (start, end) = (bound(pb.start, "start")?, bound(pb.end, "end")?);
    if start >= end {
        return Err(FieldError::new("destination_port_range", "start must be below end"));
    }
    Ok(start..end)
}
