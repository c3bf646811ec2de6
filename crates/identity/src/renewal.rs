//! When to renew a workload certificate. Must not know how.

#[cfg(test)]
mod tests;

use crate::key::KeyError;
use crate::validity::Validity;
use std::time::{Duration, SystemTime};

/// How far from the middle of its life a certificate may be renewed, as a fraction of that life
/// (Istio: 1%).
pub const JITTER: f64 = 0.01;

/// The time to renew: 50% of the lifetime, moved by `jitter_fraction` of the lifetime, which is cut
/// to ±1%, so that certificates issued together are not renewed together.
///
/// Source: istio `pilot/cmd/pilot-agent/options`, SECRET_GRACE_PERIOD_RATIO and its jitter.
pub fn renew_at(not_before: SystemTime, not_after: SystemTime, jitter_fraction: f64) -> SystemTime {
    let jitter = if jitter_fraction.is_nan() { 0.0 } else { jitter_fraction.clamp(-JITTER, JITTER) };
    let lifetime = Validity { not_before, not_after }.lifetime();
    not_before + lifetime.mul_f64(0.5 + jitter)
}

/// A random fraction between -1% and +1%, for [`renew_at`].
pub fn random_jitter() -> Result<f64, KeyError> {
    let mut bytes = [0u8; 4];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| KeyError::Random)?;
    let unit = f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX);
    Ok((unit * 2.0 - 1.0) * JITTER)
}

/// How long to wait after `failures` attempts in a row: 1 s, 2 s, 4 s, up to a minute, and never
/// past a tenth of what is left of the certificate's life while that is more than a second.
pub fn retry_after(failures: u32, validity: Validity, now: SystemTime) -> Duration {
    let backoff = Duration::from_secs(1u64 << failures.saturating_sub(1).min(6)).min(Duration::from_secs(60));
    backoff.min(validity.remaining(now) / 10).max(Duration::from_secs(1))
}
