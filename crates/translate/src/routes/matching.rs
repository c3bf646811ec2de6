//! The conditions of a rule in Envoy's form (`pilot/pkg/networking/core/route/route.go`,
//! `TranslateRouteMatch`).

use std::collections::BTreeMap;

use carrick_model::resources::{HttpMatchRequest, StringMatch};

use crate::envoy::matcher::{RegexMatcher, StringMatcher, string_matcher::MatchPattern};
use crate::envoy::route::header_matcher::HeaderMatchSpecifier;
use crate::envoy::route::query_parameter_matcher::QueryParameterMatchSpecifier;
use crate::envoy::route::route_match::PathSpecifier;
use crate::envoy::route::{HeaderMatcher, QueryParameterMatcher, Route, RouteMatch};

pub(super) fn route_match(condition: Option<&HttpMatchRequest>) -> RouteMatch {
    let Some(condition) = condition else { return super::everything() };
    let mut headers = named(&condition.headers, false);
    headers.extend(named(&condition.without_headers, true));
    let pseudo = [
        (":method", &condition.method),
        (":authority", &condition.authority),
        (":scheme", &condition.scheme),
    ];
    headers.extend(pseudo.into_iter().filter_map(|(name, wanted)| Some(header(name, wanted.as_ref()?))));
    RouteMatch {
        path_specifier: Some(path(condition.uri.as_ref())),
        case_sensitive: Some(!condition.ignore_uri_case),
        headers,
        query_parameters: condition.query_params.iter().map(|(name, wanted)| query(name, wanted)).collect(),
        ..Default::default()
    }
}

/// Whether no request can get past this route.
pub(crate) fn catches_all(route: &Route) -> bool {
    let Some(conditions) = &route.r#match else { return false };
    let any_path = match &conditions.path_specifier {
        Some(PathSpecifier::Prefix(prefix)) => prefix == "/",
        Some(PathSpecifier::SafeRegex(regex)) => regex.regex == "*",
        _ => false,
    };
    any_path && conditions.headers.is_empty() && conditions.query_parameters.is_empty()
}

/// A prefix is a plain prefix of the text: `/foo` takes `/foobar` too, as in Istio.
fn path(wanted: Option<&StringMatch>) -> PathSpecifier {
    match wanted {
        None | Some(StringMatch::Present) => PathSpecifier::Prefix("/".into()),
        Some(StringMatch::Exact(path)) => PathSpecifier::Path(path.clone()),
        Some(StringMatch::Prefix(prefix)) => PathSpecifier::Prefix(prefix.clone()),
        Some(StringMatch::Regex(pattern)) => PathSpecifier::SafeRegex(regex(pattern)),
    }
}

fn named(wanted: &BTreeMap<String, StringMatch>, inverted: bool) -> Vec<HeaderMatcher> {
    let one = |(name, wanted): (&String, &StringMatch)| {
        let mut matcher = header(name, wanted);
        matcher.invert_match = inverted;
        // "Without the value" holds for those without the header.
        matcher.treat_missing_header_as_empty = inverted && !is_presence(wanted);
        matcher
    };
    wanted.iter().map(one).collect()
}

fn header(name: &str, wanted: &StringMatch) -> HeaderMatcher {
    let specifier = match is_presence(wanted) {
        true => HeaderMatchSpecifier::PresentMatch(true),
        false => HeaderMatchSpecifier::StringMatch(text(wanted)),
    };
    HeaderMatcher { name: name.into(), header_match_specifier: Some(specifier), ..Default::default() }
}

fn query(name: &str, wanted: &StringMatch) -> QueryParameterMatcher {
    let specifier = match is_presence(wanted) {
        true => QueryParameterMatchSpecifier::PresentMatch(true),
        false => QueryParameterMatchSpecifier::StringMatch(text(wanted)),
    };
    QueryParameterMatcher { name: name.into(), query_parameter_match_specifier: Some(specifier) }
}

/// `{}`, and the regular expression `*`, which is none, ask only whether it is there.
fn is_presence(wanted: &StringMatch) -> bool {
    match wanted {
        StringMatch::Present => true,
        StringMatch::Regex(pattern) => pattern == "*",
        StringMatch::Exact(_) | StringMatch::Prefix(_) => false,
    }
}

pub(super) fn text(wanted: &StringMatch) -> StringMatcher {
    let pattern = match wanted {
        StringMatch::Exact(value) => MatchPattern::Exact(value.clone()),
        StringMatch::Prefix(value) => MatchPattern::Prefix(value.clone()),
        StringMatch::Regex(pattern) => MatchPattern::SafeRegex(regex(pattern)),
        StringMatch::Present => MatchPattern::Prefix(String::new()),
    };
    StringMatcher { match_pattern: Some(pattern), ..Default::default() }
}

fn regex(pattern: &str) -> RegexMatcher {
    RegexMatcher { regex: pattern.into(), ..Default::default() }
}
