//! Outlier detection: which failures eject a host. Ejection by rates of success is refused.

use std::time::Duration;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::cluster::v3::OutlierDetection;

use crate::config::refuse::refuse;
use crate::config::{duration, optional_duration};

/// `OutlierDetection`, converted. A row of zero failures never ejects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlierConfig {
    pub server_errors: Row,
    pub gateway_errors: Row,
    pub local_errors: Row,
    /// Failures of ours to reach a host count apart from its answers; else as 503 or 504 that it
    /// gave.
    pub split: bool,
    pub interval: Duration,
    /// How long the first ejection lasts; each further one lasts so much longer.
    pub base_time: Duration,
    pub max_time: Duration,
    pub jitter: Duration,
    pub max_percent: u32,
    pub always_one: bool,
}

/// So many failures in a row eject a host, with this probability in percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub length: u32,
    pub enforce: u32,
}

/// Envoy's defaults.
const ROW: u32 = 5;
const INTERVAL: Duration = Duration::from_secs(10);
const BASE_TIME: Duration = Duration::from_secs(30);
const MAX_TIME: Duration = Duration::from_secs(300);
const MAX_PERCENT: u32 = 10;

pub(super) fn from_proto(pb: &OutlierDetection) -> Result<OutlierConfig, FieldError> {
    let OutlierDetection {
        consecutive_5xx,
        interval: interval_pb,
        base_ejection_time,
        max_ejection_percent,
        enforcing_consecutive_5xx,
        enforcing_success_rate,
        consecutive_gateway_failure,
        enforcing_consecutive_gateway_failure,
        split_external_local_origin_errors,
        consecutive_local_origin_failure,
        enforcing_consecutive_local_origin_failure,
        enforcing_local_origin_success_rate,
        enforcing_failure_percentage,
        enforcing_failure_percentage_local_origin,
        max_ejection_time,
        max_ejection_time_jitter,
        always_eject_one_host,
        // Of ejection by rates, which must be switched off.
        success_rate_minimum_hosts: _,
        success_rate_request_volume: _,
        success_rate_stdev_factor: _,
        failure_percentage_threshold: _,
        failure_percentage_minimum_hosts: _,
        failure_percentage_request_volume: _,
        // There are no active health checks.
        successful_active_health_check_uneject_host: _,
        monitors,
        detect_degraded_hosts,
    } = pb;
    refuse!(monitors, detect_degraded_hosts);
    // On unless it is switched off.
    let off = |enforced: Option<u32>, field: &str| match enforced {
        Some(0) => Ok(()),
        _ => Err(FieldError::new(field, "must be 0: ejection by rates of success is not implemented")),
    };
    off(*enforcing_success_rate, "enforcing_success_rate")?;
    if *split_external_local_origin_errors {
        off(*enforcing_local_origin_success_rate, "enforcing_local_origin_success_rate")?;
    }
    // Off unless it is switched on.
    off(enforcing_failure_percentage.or(Some(0)), "enforcing_failure_percentage")?;
    let local = enforcing_failure_percentage_local_origin.or(Some(0));
    off(local, "enforcing_failure_percentage_local_origin")?;
    let base_time = duration(base_ejection_time.as_ref(), "base_ejection_time", BASE_TIME)?;
    let max_time = optional_duration(max_ejection_time.as_ref(), "max_ejection_time")?;
    let max_time = max_time.unwrap_or(MAX_TIME.max(base_time));
    if max_time < base_time {
        return Err(FieldError::new("max_ejection_time", "must not be below base_ejection_time"));
    }
    let interval = duration(interval_pb.as_ref(), "interval", INTERVAL)?;
    if interval < Duration::from_millis(1) {
        return Err(FieldError::new("interval", "must be at least 1 ms"));
    }
    Ok(OutlierConfig {
        server_errors: row(*consecutive_5xx, *enforcing_consecutive_5xx, 100),
        gateway_errors: row(*consecutive_gateway_failure, *enforcing_consecutive_gateway_failure, 0),
        local_errors: row(
            *consecutive_local_origin_failure,
            *enforcing_consecutive_local_origin_failure,
            100,
        ),
        split: *split_external_local_origin_errors,
        interval,
        base_time,
        max_time,
        jitter: duration(max_ejection_time_jitter.as_ref(), "max_ejection_time_jitter", Duration::ZERO)?,
        max_percent: max_ejection_percent.unwrap_or(MAX_PERCENT).min(100),
        always_one: always_eject_one_host.unwrap_or(false),
    })
}

fn row(length: Option<u32>, enforce: Option<u32>, default: u32) -> Row {
    Row { length: length.unwrap_or(ROW), enforce: enforce.unwrap_or(default) }
}
