//! Whether a request belongs to a route: its path, headers, and query.
//!
//! It must not know what the route does.

use std::borrow::Cow;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::core::v3::RuntimeFractionalPercent;
use carrick_xds::pb::envoy::config::route::v3 as pb;
use carrick_xds::pb::envoy::config::route::v3::route_match::PathSpecifier;
use regex::bytes::Regex;

use crate::config::share;
use crate::head::RequestHead;
use crate::matcher::{Case, HeaderMatcher, QueryMatcher, full_match_regex};

/// Envoy's `RouteMatch`.
#[derive(Debug)]
pub(super) struct RouteMatch {
    path: PathMatch,
    headers: Vec<HeaderMatcher>,
    query: Vec<QueryMatcher>,
    grpc_only: bool,
    /// The share of requests, in millionths.
    fraction: Option<u64>,
}

#[derive(Debug)]
enum PathMatch {
    Prefix(String, Case),
    Exact(String, Case),
    /// The prefix itself, or followed by `/`.
    Segments(String, Case),
    Regex(Regex),
}

impl RouteMatch {
    pub(super) fn from_proto(pb: &pb::RouteMatch) -> Result<Self, FieldError> {
        let pb::RouteMatch {
            case_sensitive,
            runtime_fraction,
            headers,
            query_parameters,
            cookies,
            grpc,
            tls_context,
            dynamic_metadata,
            filter_state,
            path_specifier,
        } = pb;
        let refused = |field: &str| Err(FieldError::new(field, "is not supported"));
        if !cookies.is_empty() {
            return refused("cookies");
        }
        if tls_context.is_some() {
            return refused("tls_context");
        }
        if !dynamic_metadata.is_empty() {
            return refused("dynamic_metadata");
        }
        if !filter_state.is_empty() {
            return refused("filter_state");
        }
        let case = if case_sensitive.unwrap_or(true) { Case::Sensitive } else { Case::Ignored };
        let headers = headers.iter().enumerate().map(|(index, header)| {
            HeaderMatcher::from_proto(header).map_err(|error| error.within(format!("headers[{index}]")))
        });
        let query = query_parameters.iter().enumerate().map(|(index, query)| {
            QueryMatcher::from_proto(query)
                .map_err(|error| error.within(format!("query_parameters[{index}]")))
        });
        Ok(Self {
            path: PathMatch::from_proto(path_specifier.as_ref(), case)?,
            headers: headers.collect::<Result<_, _>>()?,
            query: query.collect::<Result<_, _>>()?,
            grpc_only: grpc.is_some(),
            fraction: runtime_fraction
                .as_ref()
                .map(fraction)
                .transpose()
                .map_err(|error| error.within("runtime_fraction"))?,
        })
    }

    pub(super) fn matches(&self, head: &RequestHead<'_>, ignore_path_parameters: bool) -> bool {
        self.fraction.is_none_or(|share| (head.random >> 32) % 1_000_000 < share)
            && self.path.matches(head.path_only(), ignore_path_parameters)
            && (!self.grpc_only || head.is_grpc())
            && self.headers.iter().all(|matcher| matcher.matches(head))
            && self.query.iter().all(|matcher| matcher.matches(head.query()))
    }

    /// The part of `path` that a prefix rewrite replaces; `None` if this is a regular expression.
    pub(super) fn matched_prefix_len(&self) -> Option<usize> {
        match &self.path {
            PathMatch::Prefix(prefix, _) | PathMatch::Exact(prefix, _) | PathMatch::Segments(prefix, _) => {
                Some(prefix.len())
            }
            PathMatch::Regex(_) => None,
        }
    }
}

impl PathMatch {
    fn from_proto(pb: Option<&PathSpecifier>, case: Case) -> Result<Self, FieldError> {
        Ok(match pb {
            Some(PathSpecifier::Prefix(prefix)) => Self::Prefix(prefix.clone(), case),
            Some(PathSpecifier::Path(path)) => Self::Exact(path.clone(), case),
            Some(PathSpecifier::SafeRegex(regex)) => {
                Self::Regex(full_match_regex(regex).map_err(|error| error.within("safe_regex"))?)
            }
            Some(PathSpecifier::PathSeparatedPrefix(prefix)) => {
                if !prefix.starts_with('/') || prefix.ends_with('/') || prefix.contains(['?', '#']) {
                    let reason = "must begin with a slash, not end with one, and have neither ? nor #";
                    return Err(FieldError::new("path_separated_prefix", reason));
                }
                Self::Segments(prefix.clone(), case)
            }
            Some(PathSpecifier::ConnectMatcher(_)) => {
                return Err(FieldError::new("connect_matcher", "CONNECT is not supported"));
            }
            Some(PathSpecifier::PathMatchPolicy(policy)) => {
                let reason = format!("path matcher {} is not supported", policy.name);
                return Err(FieldError::new("path_match_policy", reason));
            }
            None => return Err(FieldError::new("path_specifier", "is required")),
        })
    }

    fn matches(&self, path: &str, ignore_parameters: bool) -> bool {
        let path: Cow<'_, str> = if ignore_parameters { without_parameters(path) } else { path.into() };
        let path = path.as_bytes();
        match self {
            Self::Prefix(prefix, case) => case.starts_with(path, prefix.as_bytes()),
            Self::Exact(wanted, case) => case.equal(path, wanted.as_bytes()),
            Self::Segments(prefix, case) => {
                case.starts_with(path, prefix.as_bytes())
                    && matches!(path.get(prefix.len()), None | Some(b'/'))
            }
            Self::Regex(regex) => regex.is_match(path),
        }
    }
}

/// `/a;x=1/b;y` as `/a/b` (Envoy docs, ignore_path_parameters_in_path_matching).
fn without_parameters(path: &str) -> Cow<'_, str> {
    if !path.contains(';') {
        return path.into();
    }
    let segments: Vec<&str> =
        path.split('/').map(|segment| segment.split(';').next().unwrap_or_default()).collect();
    segments.join("/").into()
}

/// The default value counts; Carrick has no runtime layer that could override it.
fn fraction(pb: &RuntimeFractionalPercent) -> Result<u64, FieldError> {
    match &pb.default_value {
        Some(value) => share(Some(value)).map_err(|error| error.within("default_value")),
        None => Err(FieldError::new("default_value", "is required")),
    }
}
