//! Circuit breakers: a cluster's limits, with Envoy's defaults.

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::cluster::v3::CircuitBreakers;
use carrick_xds::pb::envoy::config::cluster::v3::circuit_breakers::Thresholds;
use carrick_xds::pb::envoy::config::cluster::v3::circuit_breakers::thresholds::RetryBudget;
use carrick_xds::pb::envoy::config::core::v3::RoutingPriority;

use crate::config::percent;
use crate::config::refuse::refuse;

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
    let Some(CircuitBreakers { thresholds, per_host_thresholds }) = pb else { return Ok(Limits::default()) };
    refuse!(per_host_thresholds);
    let of_default = |(_, pb): &(usize, &Thresholds)| pb.priority() == RoutingPriority::Default;
    // The first one counts, as in Envoy.
    match thresholds.iter().enumerate().find(of_default) {
        None => Ok(Limits::default()),
        Some((n, pb)) => limits(pb).map_err(|error| error.within(format!("thresholds[{n}]"))),
    }
}

fn limits(pb: &Thresholds) -> Result<Limits, FieldError> {
    let Thresholds {
        priority: _,
        max_connections,
        max_pending_requests,
        max_requests,
        max_retries,
        retry_budget,
        // A statistic that is always there.
        track_remaining: _,
        // A cluster has one pool for each host.
        max_connection_pools: _,
    } = pb;
    let default = Limits::default();
    let retries = match (retry_budget, max_retries) {
        (Some(pb), _) => budget(pb).map_err(|error| error.within("retry_budget"))?,
        (None, Some(count)) => RetryLimit::Count(*count),
        (None, None) => default.retries,
    };
    Ok(Limits {
        connections: max_connections.unwrap_or(default.connections),
        pending: max_pending_requests.unwrap_or(default.pending),
        requests: max_requests.unwrap_or(default.requests),
        retries,
    })
}

fn budget(pb: &RetryBudget) -> Result<RetryLimit, FieldError> {
    let RetryBudget { budget_percent, budget_interval, min_retry_concurrency } = pb;
    refuse!(budget_interval);
    Ok(RetryLimit::Budget {
        percent: percent(budget_percent.as_ref(), "budget_percent", 20.0)?,
        least: min_retry_concurrency.unwrap_or(3),
    })
}
