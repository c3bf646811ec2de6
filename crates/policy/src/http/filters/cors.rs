//! The CORS filter: which pages of other origins may use a resource (Envoy docs, "CORS"; Fetch
//! standard, "CORS protocol").
//!
//! It answers preflight requests, and marks the answers to others. It must not know what the
//! resource is.

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::core::v3::RuntimeFractionalPercent;
use carrick_xds::pb::envoy::extensions::filters::http::cors::v3::CorsPolicy as CorsPolicyPb;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::Stopped;
use crate::config::share;
use crate::http::reply::LocalReply;
use crate::matcher::StringMatcher;

const REQUEST_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// A `CorsPolicy` message, converted.
#[derive(Debug, Clone)]
pub struct CorsPolicy {
    /// The share of requests for which it holds, in millionths.
    enabled: u64,
    /// Where it does not hold, origins are still counted.
    shadow: u64,
    origins: Vec<StringMatcher>,
    methods: Option<HeaderValue>,
    headers: Option<HeaderValue>,
    expose: Option<HeaderValue>,
    max_age: Option<HeaderValue>,
    credentials: Option<bool>,
    private_network: Option<bool>,
    forward_preflights: Option<bool>,
}

/// What a policy says of one request.
#[derive(Debug)]
pub struct CorsDecision {
    /// Whether pages of its origin may use the resource.
    pub allowed: bool,
    /// Set on the answer, whoever gives it.
    pub answer_headers: Option<Vec<(HeaderName, HeaderValue)>>,
    /// The answer to a preflight.
    pub answer: Option<Stopped>,
}

impl CorsPolicy {
    pub(super) fn from_proto(pb: &CorsPolicyPb) -> Result<Self, FieldError> {
        let CorsPolicyPb {
            allow_origin_string_match,
            allow_methods,
            allow_headers,
            expose_headers,
            max_age,
            allow_credentials,
            filter_enabled,
            shadow_enabled,
            allow_private_network_access,
            forward_not_matching_preflights,
        } = pb;
        let value = |text: &String, field: &str| match text.is_empty() {
            true => Ok(None),
            false => HeaderValue::from_str(text)
                .map(Some)
                .map_err(|_| FieldError::new(field, format!("{text:?} cannot be a header value"))),
        };
        let origin = |(n, pb)| {
            let place = |error: FieldError| error.within(format!("allow_origin_string_match[{n}]"));
            StringMatcher::from_proto(pb).map_err(place)
        };
        Ok(Self {
            enabled: runtime_share(filter_enabled.as_ref(), "filter_enabled")?.unwrap_or(1_000_000),
            shadow: runtime_share(shadow_enabled.as_ref(), "shadow_enabled")?.unwrap_or(0),
            origins: allow_origin_string_match.iter().enumerate().map(origin).collect::<Result<_, _>>()?,
            methods: value(allow_methods, "allow_methods")?,
            headers: value(allow_headers, "allow_headers")?,
            expose: value(expose_headers, "expose_headers")?,
            max_age: value(max_age, "max_age")?,
            credentials: *allow_credentials,
            private_network: *allow_private_network_access,
            forward_preflights: *forward_not_matching_preflights,
        })
    }

    /// What this policy leaves open, the wider one says; whether it holds at all is for this one.
    pub(super) fn or(self, wider: &Self) -> Self {
        Self {
            origins: if self.origins.is_empty() { wider.origins.clone() } else { self.origins },
            methods: self.methods.or_else(|| wider.methods.clone()),
            headers: self.headers.or_else(|| wider.headers.clone()),
            expose: self.expose.or_else(|| wider.expose.clone()),
            max_age: self.max_age.or_else(|| wider.max_age.clone()),
            credentials: self.credentials.or(wider.credentials),
            private_network: self.private_network.or(wider.private_network),
            forward_preflights: self.forward_preflights.or(wider.forward_preflights),
            ..self
        }
    }

    /// What the policy says of a request with an origin; nothing of others, or where chance has it
    /// so.
    pub fn decide(&self, method: &Method, request: &HeaderMap) -> Option<CorsDecision> {
        let enabled = drawn(self.enabled);
        if !enabled && !drawn(self.shadow) {
            return None;
        }
        let origin = request.get(ORIGIN).filter(|origin| !origin.is_empty())?;
        let allowed = self.allows(origin);
        let mut decision = CorsDecision { allowed, answer_headers: None, answer: None };
        if !enabled {
            return Some(decision);
        }
        decision.answer_headers = allowed.then(|| self.of_answer(origin));
        let asks = request.get(ACCESS_CONTROL_REQUEST_METHOD).filter(|method| !method.is_empty());
        let is_preflight = *method == Method::OPTIONS && asks.is_some();
        if is_preflight && (allowed || !self.forward_preflights.unwrap_or(true)) {
            let reply = LocalReply::new(StatusCode::OK, "cors_response");
            let reply = self
                .of_preflight(request)
                .into_iter()
                .fold(reply, |reply, (name, value)| reply.with_header(name, value));
            decision.answer = Some(Stopped { reply, as_it_is: true });
        }
        Some(decision)
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        let star = |matcher: &StringMatcher| matcher.matches(b"*") || matcher.matches(origin.as_bytes());
        self.origins.iter().any(star)
    }

    /// Set on every answer to an allowed origin, a preflight's included.
    fn of_answer(&self, origin: &HeaderValue) -> Vec<(HeaderName, HeaderValue)> {
        let credentials = self.credentials.unwrap_or(false).then_some(TRUE);
        let headers = [
            (ACCESS_CONTROL_ALLOW_ORIGIN, Some(origin.clone())),
            (ACCESS_CONTROL_ALLOW_CREDENTIALS, credentials),
            (ACCESS_CONTROL_EXPOSE_HEADERS, self.expose.clone()),
        ];
        headers.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Set on the answer to a preflight, whoever asks.
    fn of_preflight(&self, request: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
        // A star stands for whatever is asked.
        let echoed = |value: &Option<HeaderValue>, asked: HeaderName| match value {
            Some(star) if star == "*" => request.get(asked).cloned(),
            value => value.clone(),
        };
        let private = self.private_network.unwrap_or(false)
            && request.get(REQUEST_PRIVATE_NETWORK).is_some_and(|value| value == "true");
        let headers = [
            (ACCESS_CONTROL_ALLOW_CREDENTIALS, self.credentials.unwrap_or(false).then_some(TRUE)),
            (ACCESS_CONTROL_ALLOW_METHODS, echoed(&self.methods, ACCESS_CONTROL_REQUEST_METHOD)),
            (ACCESS_CONTROL_ALLOW_HEADERS, echoed(&self.headers, ACCESS_CONTROL_REQUEST_HEADERS)),
            (ACCESS_CONTROL_MAX_AGE, self.max_age.clone()),
            (ALLOW_PRIVATE_NETWORK, private.then_some(TRUE)),
        ];
        headers.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

fn drawn(share: u64) -> bool {
    share > 0 && rand::random_range(0..1_000_000) < share
}

/// The default counts; Carrick has no runtime layer that could override it.
fn runtime_share(pb: Option<&RuntimeFractionalPercent>, field: &str) -> Result<Option<u64>, FieldError> {
    let share = pb.map(|pb| share(pb.default_value.as_ref())).transpose();
    share.map_err(|error| error.within("default_value").within(field))
}
