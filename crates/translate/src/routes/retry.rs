//! Retries: Istio's defaults, and a VirtualService's own
//! (`pilot/pkg/networking/core/route/retry/retry.go`).

use carrick_model::resources::HttpRetry;

use crate::duration::duration;
use crate::envoy::any;
use crate::envoy::route::RetryPolicy;
use crate::envoy::route::retry_policy::{RetryBackOff, RetryHostPredicate, retry_host_predicate::ConfigType};
use carrick_xds::pb::envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate;

/// Only failures after which the request has surely not been served.
const DEFAULT_RETRY_ON: &str = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes";
const DEFAULT_RETRIES: u32 = 2;

/// What holds where nothing is said: two more attempts, each at another endpoint if there is one.
pub(crate) fn default_policy() -> RetryPolicy {
    RetryPolicy {
        retry_on: DEFAULT_RETRY_ON.into(),
        num_retries: Some(DEFAULT_RETRIES),
        retry_host_predicate: vec![other_than_before()],
        host_selection_retry_max_attempts: 5,
        ..Default::default()
    }
}

/// A sidecar's way to its own application: the connection may have been closed just as the request
/// was about to go.
pub(crate) fn inbound_policy() -> RetryPolicy {
    RetryPolicy {
        retry_on: "reset-before-request".into(),
        num_retries: Some(DEFAULT_RETRIES),
        ..Default::default()
    }
}

/// A rule's policy; `attempts: 0` switches retries off.
pub(super) fn retry_policy(retries: Option<&HttpRetry>) -> Option<RetryPolicy> {
    let Some(retries) = retries else { return Some(default_policy()) };
    if retries.attempts == 0 {
        return None;
    }
    let mut policy = default_policy();
    policy.num_retries = Some(retries.attempts);
    if !retries.retry_on.is_empty() {
        (policy.retry_on, policy.retriable_status_codes) = conditions(&retries.retry_on);
    }
    if retries.retry_ignore_previous_hosts == Some(false) {
        policy.retry_host_predicate.clear();
    }
    policy.per_try_timeout = retries.per_try_timeout.map(duration);
    policy.retry_back_off = retries
        .backoff
        .map(|base| RetryBackOff { base_interval: Some(duration(base)), ..Default::default() });
    Some(policy)
}

/// Status codes may stand among the conditions; Envoy wants them apart, and
/// `retriable-status-codes` in their place.
fn conditions(retry_on: &str) -> (String, Vec<u32>) {
    const BY_CODE: &str = "retriable-status-codes";
    let parts = retry_on.split(',').map(str::trim).filter(|part| !part.is_empty());
    let (codes, mut words): (Vec<&str>, Vec<&str>) = parts.partition(|part| status_code(part).is_some());
    let codes: Vec<u32> = codes.into_iter().filter_map(status_code).collect();
    if !codes.is_empty() && !words.contains(&BY_CODE) {
        words.push(BY_CODE);
    }
    (words.join(","), codes)
}

fn status_code(text: &str) -> Option<u32> {
    text.parse().ok().filter(|code| (100..600).contains(code))
}

fn other_than_before() -> RetryHostPredicate {
    RetryHostPredicate {
        name: "envoy.retry_host_predicates.previous_hosts".into(),
        config_type: Some(ConfigType::TypedConfig(any(&PreviousHostsPredicate::default()))),
    }
}
