//! The head of a request as it goes upstream: what the route changes, and what this hop adds.
//!
//! It must not know when, or how often, a request is sent.

use carrick_policy::access_log::{Format, FormatContext, Headers};
use carrick_policy::config::cluster::UpstreamHttp;
use carrick_policy::http::plan::{ForwardPlan, NewHost};
use carrick_policy::http::prepared::Prepared;
use carrick_policy::http::route::render;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};

use super::attempt::Timing;
use super::record::Record;
use crate::cluster::UpstreamCluster;

const EXPECTED_TIMEOUT: HeaderName = HeaderName::from_static("x-envoy-expected-rq-timeout-ms");
pub(crate) const ATTEMPT_COUNT: HeaderName = HeaderName::from_static("x-envoy-attempt-count");
const ORIGINAL_PATH: HeaderName = HeaderName::from_static("x-envoy-original-path");
const ORIGINAL_HOST: HeaderName = HeaderName::from_static("x-envoy-original-host");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// What does not change from attempt to attempt: header rules of the route, the new path, what the
/// router tells the upstream.
pub(crate) fn rewrite_head(
    plan: &ForwardPlan,
    prepared: &mut Prepared,
    record: &mut Record,
    timing: &Timing,
) {
    let suppress = record.downstream.manager().suppress_envoy_headers;
    if !suppress && let Some(timeout) = timing.expected() {
        let millis = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        prepared.parts.headers.insert(EXPECTED_TIMEOUT, HeaderValue::from(millis));
    }
    let render = |headers: &HeaderMap, format: &Format| {
        let context = FormatContext {
            entry: &record.entry,
            request: Headers::Map(headers),
            response: Headers::List(&[]),
            trailers: Headers::List(&[]),
        };
        render(format, context)
    };
    for rules in plan.cluster_headers.iter().chain(&plan.route.headers) {
        rules.apply_to_request(&mut prepared.parts.headers, &render);
    }
    if let Some(path) = &plan.path {
        set_path(path, prepared, suppress);
        record.http().path = prepared.path().to_owned();
    }
    if let Some(NewHost::Fixed(host)) = &plan.host {
        set_host(plan, prepared, host.clone(), suppress);
        record.http().authority = prepared.authority.to_str().unwrap_or_default().to_owned();
    }
}

fn set_path(path: &str, prepared: &mut Prepared, suppress: bool) {
    // A rewrite that makes no path is left out rather than sent.
    let Ok(new) = PathAndQuery::try_from(path) else { return };
    if !suppress && let Ok(original) = HeaderValue::from_str(prepared.path()) {
        prepared.parts.headers.insert(ORIGINAL_PATH, original);
    }
    prepared.parts.uri = Uri::from(new);
}

fn set_host(plan: &ForwardPlan, prepared: &mut Prepared, host: HeaderValue, suppress: bool) {
    let original = std::mem::replace(&mut prepared.authority, host);
    let headers = &mut prepared.parts.headers;
    if plan.action().is_some_and(|action| action.append_forwarded_host) {
        headers.append(FORWARDED_HOST, original.clone());
    }
    if !suppress {
        headers.insert(ORIGINAL_HOST, original);
    }
}

/// Headers, URI and version for one attempt. The prepared head is only copied if another attempt
/// may need it.
pub(crate) fn request_for(
    plan: &ForwardPlan,
    prepared: &mut Prepared,
    hostname: &str,
    record: &Record,
    cluster: &UpstreamCluster,
    last: bool,
) -> ((HeaderMap, Uri, Version), HeaderValue) {
    let mut authority = prepared.authority.clone();
    let mut headers = match last {
        true => std::mem::take(&mut prepared.parts.headers),
        false => prepared.parts.headers.clone(),
    };
    if let Some(NewHost::OfEndpoint) = plan.host
        && let Ok(host) = HeaderValue::from_str(hostname)
        && !host.is_empty()
    {
        let original = std::mem::replace(&mut authority, host);
        headers.insert(ORIGINAL_HOST, original);
    }
    if plan.route.attempt_count_in_request {
        let attempts = record.entry.http.as_ref().map_or(1, |http| http.attempts);
        headers.insert(ATTEMPT_COUNT, HeaderValue::from(attempts));
    }
    if speaks_http2(cluster, record) {
        headers.remove(HOST);
        let uri = absolute(&prepared.parts.uri, prepared.scheme, &authority);
        return ((headers, uri, Version::HTTP_2), authority);
    }
    headers.insert(HOST, authority.clone());
    match prepared.has_body {
        false if expects_body(&prepared.parts.method) => {
            headers.entry(CONTENT_LENGTH).or_insert(HeaderValue::from_static("0"));
        }
        // The codec would leave the body of a GET away.
        true if !headers.contains_key(CONTENT_LENGTH) => {
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        _ => {}
    }
    ((headers, prepared.parts.uri.clone(), Version::HTTP_11), authority)
}

pub(crate) fn speaks_http2(cluster: &UpstreamCluster, record: &Record) -> bool {
    match cluster.http_version() {
        UpstreamHttp::Http1 => false,
        UpstreamHttp::Http2 => true,
        UpstreamHttp::SameAsDownstream => record.downstream.is_http2,
    }
}

/// Without a body such a request says so (RFC 9110 §8.6).
pub(crate) fn expects_body(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::DELETE | Method::TRACE)
}

/// HTTP/2 takes scheme and authority from the URI.
pub(crate) fn absolute(uri: &Uri, scheme: &str, authority: &HeaderValue) -> Uri {
    let mut parts = uri.clone().into_parts();
    parts.scheme = Some(if scheme == "https" { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = Authority::try_from(authority.as_bytes()).ok();
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}
