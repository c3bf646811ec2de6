//! What a rule does with a request: send it on, redirect it, or answer it
//! (`pilot/pkg/networking/core/route/route.go`, `applyHTTPRouteDestination`, `ApplyRedirect`,
//! `ApplyDirectResponse`).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use carrick_model::resources::{
    Destination, HttpDirectResponse, HttpRedirect, HttpRewrite, HttpRoute, HttpRouteDestination, RedirectPort,
};

use super::{fraction, hash, headers, retry};
use crate::context::Context;
use crate::destination;
use crate::duration::duration;
use crate::envoy::core::{DataSource, RuntimeFractionalPercent, data_source};
use crate::envoy::matcher::{RegexMatchAndSubstitute, RegexMatcher};
use crate::envoy::route::redirect_action::{
    PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier,
};
use crate::envoy::route::route::Action;
use crate::envoy::route::route_action::{ClusterSpecifier, HostRewriteSpecifier, RequestMirrorPolicy};
use crate::envoy::route::weighted_cluster::ClusterWeight;
use crate::envoy::route::{DirectResponseAction, RedirectAction, RouteAction, WeightedCluster};

/// `None` where a rule does nothing at all.
pub(super) fn action(context: &Context<'_>, http: &HttpRoute, called: u16) -> Option<Action> {
    if let Some(redirect) = &http.redirect {
        return Some(Action::Redirect(redirected(redirect, called)));
    }
    if let Some(response) = &http.direct_response {
        return Some(Action::DirectResponse(answered(response)));
    }
    let destinations = destination::with_share(&http.route, |to| to.weight);
    let mut action = RouteAction {
        cluster_specifier: Some(clusters(context, &destinations, called)?),
        timeout: Some(http.timeout.map(duration).unwrap_or_default()),
        retry_policy: retry::retry_policy(http.retries.as_ref()),
        request_mirror_policies: mirrors(context, http, called),
        hash_policy: hashed(context, &destinations, called),
        ..Default::default()
    };
    if let Some(rewrite) = &http.rewrite {
        rewritten(rewrite, &mut action);
    }
    let single = match destinations[..] {
        [only] => headers::authority(only.headers.as_ref()),
        _ => None,
    };
    if let Some(authority) = headers::authority(http.headers.as_ref()).or(single) {
        action.host_rewrite_specifier = Some(HostRewriteSpecifier::HostRewriteLiteral(authority.into()));
    }
    Some(Action::Route(action))
}

fn clusters(
    context: &Context<'_>,
    destinations: &[&HttpRouteDestination],
    called: u16,
) -> Option<ClusterSpecifier> {
    let mut weights: Vec<ClusterWeight> =
        destinations.iter().filter_map(|to| weighted(context, to, called)).collect();
    // A single destination needs no weights, unless it has headers of its own.
    if let ([plain], true) = (&weights[..], destinations.iter().all(|to| to.headers.is_none())) {
        return Some(ClusterSpecifier::Cluster(plain.name.clone()));
    }
    if let [only] = &mut weights[..] {
        only.weight = Some(100);
    }
    let several = WeightedCluster { clusters: weights, ..Default::default() };
    (!several.clusters.is_empty()).then_some(ClusterSpecifier::WeightedClusters(several))
}

fn weighted(context: &Context<'_>, to: &HttpRouteDestination, called: u16) -> Option<ClusterWeight> {
    let mut weight = ClusterWeight {
        name: destination::cluster(context, to.destination.as_ref()?, called),
        weight: Some(to.weight),
        ..Default::default()
    };
    headers::apply_to_weight(to.headers.as_ref(), &mut weight);
    Some(weight)
}

fn hashed(
    context: &Context<'_>,
    destinations: &[&HttpRouteDestination],
    called: u16,
) -> Vec<crate::envoy::route::route_action::HashPolicy> {
    let of_one = |to: &Destination| {
        let service = context.service(&to.host)?;
        Some(hash::hash_policies(context, service, destination::port(context, to, called), &to.subset))
    };
    let mut policies = Vec::new();
    for policy in destinations.iter().filter_map(|to| of_one(to.destination.as_ref()?)).flatten() {
        if !policies.contains(&policy) {
            policies.push(policy);
        }
    }
    policies
}

fn rewritten(rewrite: &HttpRewrite, action: &mut RouteAction) {
    if let Some(regex) = &rewrite.uri_regex_rewrite {
        action.regex_rewrite = Some(RegexMatchAndSubstitute {
            pattern: Some(RegexMatcher { regex: regex.pattern.clone(), ..Default::default() }),
            substitution: regex.rewrite.clone(),
        });
    } else {
        action.prefix_rewrite.clone_from(&rewrite.uri);
    }
    if !rewrite.authority.is_empty() {
        let literal = HostRewriteSpecifier::HostRewriteLiteral(rewrite.authority.clone());
        action.host_rewrite_specifier = Some(literal);
    }
}

fn redirected(redirect: &HttpRedirect, called: u16) -> RedirectAction {
    let code = match redirect.redirect_code {
        302 => RedirectResponseCode::Found,
        303 => RedirectResponseCode::SeeOther,
        307 => RedirectResponseCode::TemporaryRedirect,
        308 => RedirectResponseCode::PermanentRedirect,
        _ => RedirectResponseCode::MovedPermanently,
    };
    let port = match (redirect.port, redirect.derive_port) {
        (Some(port), _) => port,
        (None, Some(RedirectPort::FromRequestPort)) => called,
        (None, _) => 0,
    };
    let scheme = (!redirect.scheme.is_empty())
        .then(|| SchemeRewriteSpecifier::SchemeRedirect(redirect.scheme.clone()));
    let path = (!redirect.uri.is_empty()).then(|| PathRewriteSpecifier::PathRedirect(redirect.uri.clone()));
    RedirectAction {
        host_redirect: redirect.authority.clone(),
        port_redirect: port.into(),
        response_code: code as i32,
        scheme_rewrite_specifier: scheme,
        path_rewrite_specifier: path,
        ..Default::default()
    }
}

fn answered(response: &HttpDirectResponse) -> DirectResponseAction {
    let body = response.body.as_ref().and_then(|body| match (&body.string, &body.bytes) {
        (Some(text), _) => Some(data_source::Specifier::InlineString(text.clone())),
        (None, Some(encoded)) => BASE64.decode(encoded).ok().map(data_source::Specifier::InlineBytes),
        (None, None) => None,
    });
    let body = body.map(|specifier| DataSource { specifier: Some(specifier), ..Default::default() });
    DirectResponseAction { status: response.status, body, ..Default::default() }
}

fn mirrors(context: &Context<'_>, http: &HttpRoute, called: u16) -> Vec<RequestMirrorPolicy> {
    let listed = http.mirrors.iter().map(|mirror| {
        let percent = mirror.percentage.map_or(100.0, |percent| percent.value);
        (mirror.destination.as_ref(), percent)
    });
    let share = http.mirror_percentage.map(|percent| percent.value).or(http.mirror_percent.map(f64::from));
    let single = http.mirror.as_ref().map(|to| (Some(to), share.unwrap_or(100.0)));
    let one = |(to, percent): (Option<&Destination>, f64)| {
        (percent > 0.0).then_some(RequestMirrorPolicy {
            cluster: destination::cluster(context, to?, called),
            runtime_fraction: Some(RuntimeFractionalPercent {
                default_value: Some(fraction(percent)),
                ..Default::default()
            }),
            trace_sampled: Some(false),
            ..Default::default()
        })
    };
    listed.chain(single).filter_map(one).collect()
}
