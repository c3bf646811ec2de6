//! Circuit breakers: a cluster's limits, with Envoy's defaults.

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::cluster::v3::CircuitBreakers;
use carrick_xds::pb::envoy::config::cluster::v3::circuit_breakers::Thresholds;
use carrick_xds::pb::envoy::config::core::v3::RoutingPriority;

/// How much may go on at once. `u32::MAX`: no limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    pub connections: u32,
    /// Requests that wait for a connection.
    pub pending: u32,
    pub requests: u32,
    pub retries: RetryLimit,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RetryLimit {
    Count(u32),
    /// This share of the requests in progress, but never less than `least`.
    Budget {
        percent: f64,
        least: u32,
    },
}

impl Default for Limits {
    /// Envoy's.
    fn default() -> Self {
        Self { connections: 1024, pending: 1024, requests: 1024, retries: RetryLimit::Count(3) }
    }
}

/// Only limits of the default priority can be reached: routes of high priority are refused.
pub(super) fn from_proto(pb: Option<&CircuitBreakers>) -> Result<Limits, FieldError> {
    let thresholds = pb.map(|pb| pb.thresholds.as_slice()).unwrap_or_default();
    let of_default = |(_, pb): &(usize, &Thresholds)| pb.priority() == RoutingPriority::Default;
    // The first one counts, as in Envoy.
    match thresholds.iter().enumerate().find(of_default) {
        None => Ok(Limits::default()),
        Some((n, pb)) => limits(pb).map_err(|error| error.within(format!("thresholds[{n}]"))),
    }
}

fn limits(pb: &Thresholds) -> Result<Limits, FieldError> {
    let default = Limits::default();
    let retries = match (&pb.retry_budget, pb.max_retries) {
        (Some(budget), _) => {
            let percent = budget.budget_percent.map_or(20.0, |percent| percent.value);
            if !(0.0..=100.0).contains(&percent) {
                return Err(FieldError::new("retry_budget.budget_percent", "must be in 0 to 100"));
            }
            RetryLimit::Budget { percent, least: budget.min_retry_concurrency.unwrap_or(3) }
        }
        (None, Some(count)) => RetryLimit::Count(count),
        (None, None) => default.retries,
    };
    Ok(Limits {
        connections: pb.max_connections.unwrap_or(default.connections),
        pending: pb.max_pending_requests.unwrap_or(default.pending),
        requests: pb.max_requests.unwrap_or(default.requests),
        retries,
    })
}
