//! Retry policies: after which failures a request is tried again, how often, and after what pause.
//!
//! Pure decisions; it must not know how a request is sent.

use std::time::Duration;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::route::v3 as pb;
use carrick_xds::pb::envoy::config::route::v3::retry_policy::{
    RetryBackOff, RetryHostPredicate, retry_host_predicate::ConfigType,
};
use http::{HeaderMap, StatusCode};
use rand::Rng;

use crate::config;
use crate::config::typed::type_name;

/// Envoy's `RetryPolicy`.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    on: RetryOn,
    pub retries: u32,
    pub per_try_timeout: Option<Duration>,
    pub avoid_previous_hosts: bool,
    retriable_status_codes: Vec<u16>,
    back_off: BackOff,
}

/// Conditions of `retry_on`, as bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetryOn(u32);

impl RetryOn {
    pub const SERVER_ERROR: Self = Self(1);
    pub const GATEWAY_ERROR: Self = Self(1 << 1);
    pub const RESET: Self = Self(1 << 2);
    pub const RESET_BEFORE_REQUEST: Self = Self(1 << 3);
    pub const CONNECT_FAILURE: Self = Self(1 << 4);
    pub const REFUSED_STREAM: Self = Self(1 << 5);
    pub const RETRIABLE_4XX: Self = Self(1 << 6);
    pub const RETRIABLE_STATUS_CODES: Self = Self(1 << 7);
    const GRPC_CANCELLED: Self = Self(1 << 8);
    const GRPC_DEADLINE_EXCEEDED: Self = Self(1 << 9);
    const GRPC_INTERNAL: Self = Self(1 << 10);
    const GRPC_RESOURCE_EXHAUSTED: Self = Self(1 << 11);
    const GRPC_UNAVAILABLE: Self = Self(1 << 12);
    const RATE_LIMITED: Self = Self(1 << 13);

    /// Names from Envoy docs, "x-envoy-retry-on" and "x-envoy-retry-grpc-on".
    fn parse(text: &str) -> Result<Self, FieldError> {
        let mut on = Self::default();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            on.0 |= match name {
                "5xx" => Self::SERVER_ERROR,
                "gateway-error" => Self::GATEWAY_ERROR,
                "reset" => Self::RESET,
                "reset-before-request" => Self::RESET_BEFORE_REQUEST,
                "connect-failure" => Self::CONNECT_FAILURE,
                "refused-stream" => Self::REFUSED_STREAM,
                "retriable-4xx" => Self::RETRIABLE_4XX,
                "retriable-status-codes" => Self::RETRIABLE_STATUS_CODES,
                "cancelled" => Self::GRPC_CANCELLED,
                "deadline-exceeded" => Self::GRPC_DEADLINE_EXCEEDED,
                "internal" => Self::GRPC_INTERNAL,
                "resource-exhausted" => Self::GRPC_RESOURCE_EXHAUSTED,
                "unavailable" => Self::GRPC_UNAVAILABLE,
                "envoy-ratelimited" => Self::RATE_LIMITED,
                // The headers are named elsewhere, and a policy that names any is refused: none
                // ever matches.
                "retriable-headers" => Self::default(),
                // There is no HTTP/3 upstream, so this never happens.
                "http3-post-connect-failure" => Self::default(),
                _ => return Err(FieldError::new("retry_on", format!("condition {name} is not supported"))),
            }
            .0;
        }
        Ok(on)
    }

    pub fn has(self, condition: Self) -> bool {
        self.0 & condition.0 != 0
    }
}

/// How an attempt failed before a response came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No connection, so nothing was sent.
    Connect,
    /// The upstream said that it did nothing (HTTP/2 REFUSED_STREAM).
    Refused,
    /// Broken off; `request_sent` if the upstream may have seen all of the request.
    Reset {
        request_sent: bool,
    },
    PerTryTimeout,
}

#[derive(Debug, Clone, Copy)]
struct BackOff {
    base: Duration,
    max: Duration,
}

impl RetryPolicy {
    pub(super) fn from_proto(pb: &pb::RetryPolicy) -> Result<Self, FieldError> {
        let pb::RetryPolicy {
            retry_on,
            num_retries,
            per_try_timeout,
            per_try_idle_timeout,
            retry_priority,
            retry_host_predicate,
            retry_options_predicates,
            // Only bounds the search for a host not tried before; Carrick's search is bounded
            // anyhow.
            host_selection_retry_max_attempts: _,
            retriable_status_codes,
            retry_back_off,
            rate_limited_retry_back_off,
            retriable_headers,
            retriable_request_headers,
            refresh_cluster_on_retry,
        } = pb;
        let refused = |field: &str| Err(FieldError::new(field, "is not supported"));
        if per_try_idle_timeout.is_some() {
            return refused("per_try_idle_timeout");
        }
        if retry_priority.is_some() {
            return refused("retry_priority");
        }
        if !retry_options_predicates.is_empty() {
            return refused("retry_options_predicates");
        }
        if rate_limited_retry_back_off.is_some() {
            return refused("rate_limited_retry_back_off");
        }
        if !retriable_headers.is_empty() {
            return refused("retriable_headers");
        }
        if !retriable_request_headers.is_empty() {
            return refused("retriable_request_headers");
        }
        if *refresh_cluster_on_retry {
            return refused("refresh_cluster_on_retry");
        }
        let mut avoid_previous_hosts = false;
        for (index, predicate) in retry_host_predicate.iter().enumerate() {
            previous_hosts(predicate)
                .map_err(|error| error.within(format!("retry_host_predicate[{index}]")))?;
            avoid_previous_hosts = true;
        }
        let codes = retriable_status_codes.iter().enumerate().map(|(index, code)| {
            u16::try_from(*code).map_err(|_| {
                FieldError::new(
                    format!("retriable_status_codes[{index}]"),
                    format!("{code} is not a status code"),
                )
            })
        });
        Ok(Self {
            on: RetryOn::parse(retry_on)?,
            retries: num_retries.unwrap_or(1),
            per_try_timeout: config::optional_duration(per_try_timeout.as_ref(), "per_try_timeout")?
                .filter(|timeout| !timeout.is_zero()),
            avoid_previous_hosts,
            retriable_status_codes: codes.collect::<Result<_, _>>()?,
            back_off: BackOff::from_proto(retry_back_off.as_ref())?,
        })
    }

    /// Whether a response is to be given up for another try.
    pub fn retries_response(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        let code = status.as_u16();
        let on = self.on;
        if headers.contains_key("x-envoy-ratelimited") {
            // A rate limiter's refusal is repeated for those only who say so.
            return on.has(RetryOn::RATE_LIMITED);
        }
        (on.has(RetryOn::SERVER_ERROR) && code >= 500)
            || (on.has(RetryOn::GATEWAY_ERROR) && (502..=504).contains(&code))
            || (on.has(RetryOn::RETRIABLE_4XX) && code == 409)
            || (on.has(RetryOn::RETRIABLE_STATUS_CODES) && self.retriable_status_codes.contains(&code))
            || grpc_condition(headers).is_some_and(|condition| on.has(condition))
    }

    /// Whether a failure without response is to be tried again.
    pub fn retries_failure(&self, failure: Failure) -> bool {
        let on = self.on;
        match failure {
            Failure::Connect => {
                on.has(RetryOn::CONNECT_FAILURE)
                    || on.has(RetryOn::SERVER_ERROR)
                    || on.has(RetryOn::GATEWAY_ERROR)
                    || on.has(RetryOn::RESET)
                    || on.has(RetryOn::RESET_BEFORE_REQUEST)
            }
            Failure::Refused => {
                on.has(RetryOn::REFUSED_STREAM) || on.has(RetryOn::SERVER_ERROR) || on.has(RetryOn::RESET)
            }
            Failure::Reset { request_sent } => {
                on.has(RetryOn::SERVER_ERROR)
                    || on.has(RetryOn::GATEWAY_ERROR)
                    || on.has(RetryOn::RESET)
                    || (on.has(RetryOn::RESET_BEFORE_REQUEST) && !request_sent)
            }
            Failure::PerTryTimeout => on.has(RetryOn::SERVER_ERROR) || on.has(RetryOn::GATEWAY_ERROR),
        }
    }

    /// A random pause before retry number `retry` (the first is 1): fully jittered, doubling up to
    /// the maximum.
    pub fn pause(&self, retry: u32) -> Duration {
        let ceiling = self.back_off.base.saturating_mul(1 << retry.min(16)) - self.back_off.base;
        let ceiling =
            ceiling.clamp(Duration::from_millis(1), self.back_off.max.max(Duration::from_millis(1)));
        rand::rng().random_range(Duration::ZERO..ceiling)
    }
}

/// The gRPC condition that a trailers-only response meets.
fn grpc_condition(headers: &HeaderMap) -> Option<RetryOn> {
    match headers.get("grpc-status")?.as_bytes() {
        b"1" => Some(RetryOn::GRPC_CANCELLED),
        b"4" => Some(RetryOn::GRPC_DEADLINE_EXCEEDED),
        b"8" => Some(RetryOn::GRPC_RESOURCE_EXHAUSTED),
        b"13" => Some(RetryOn::GRPC_INTERNAL),
        b"14" => Some(RetryOn::GRPC_UNAVAILABLE),
        _ => None,
    }
}

fn previous_hosts(pb: &RetryHostPredicate) -> Result<(), FieldError> {
    const TYPE: &str = "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate";
    match &pb.config_type {
        Some(ConfigType::TypedConfig(any)) if type_name(any) == TYPE => Ok(()),
        None if pb.name == "envoy.retry_host_predicates.previous_hosts" => Ok(()),
        _ => Err(FieldError::new("", format!("retry host predicate {} is not supported", pb.name))),
    }
}

impl BackOff {
    /// Envoy's defaults: 25 ms, and ten times the base at most.
    fn from_proto(pb: Option<&RetryBackOff>) -> Result<Self, FieldError> {
        let default = Duration::from_millis(25);
        let Some(pb) = pb else { return Ok(Self { base: default, max: default * 10 }) };
        let base = config::duration(pb.base_interval.as_ref(), "retry_back_off.base_interval", default)?;
        if base.is_zero() {
            return Err(FieldError::new("retry_back_off.base_interval", "must be above zero"));
        }
        let max = config::duration(pb.max_interval.as_ref(), "retry_back_off.max_interval", base * 10)?;
        if max < base {
            return Err(FieldError::new("retry_back_off.max_interval", "must not be below base_interval"));
        }
        Ok(Self { base, max })
    }
}
