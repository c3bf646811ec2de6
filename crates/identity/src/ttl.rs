//! How long a workload certificate may live: Istio's rules for the lifetime that a request asks
//! for.

#[cfg(test)]
mod tests;

use crate::validity::{Validity, rfc3339};
use std::time::{Duration, SystemTime};
use thiserror::Error;

const HOUR: u64 = 3600;

/// The default and the largest lifetime of workload certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TtlPolicy {
    /// Granted when a request names none (Istio: 24 h).
    pub default: Duration,
    /// The most that a request may name (Istio: 90 days).
    pub max: Duration,
}

impl Default for TtlPolicy {
    fn default() -> Self {
        Self { default: Duration::from_secs(24 * HOUR), max: Duration::from_secs(90 * 24 * HOUR) }
    }
}

/// Why a lifetime is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TtlError {
    #[error(
        "a lifetime of {requested} s was requested, above the maximum of {max} s; ask for less, or for 0 to get the default"
    )]
    TooLong { requested: u64, max: u64 },
    #[error(
        "the CA's certificate chain expired at {not_after}, it is now {now}; renew the CA before starting"
    )]
    ChainExpired { not_after: String, now: String },
}

impl TtlPolicy {
    /// The lifetime to grant for a request of `seconds`: the default if it is zero or less, an
    /// error (never a silent cut) if it is above the maximum. Source: istio `security/pkg/pki/ca`,
    /// `TTLError`.
    pub fn grant(&self, seconds: i64) -> Result<Duration, TtlError> {
        match u64::try_from(seconds) {
            Err(_) | Ok(0) => Ok(self.default),
            Ok(requested) if requested > self.max.as_secs() => {
                Err(TtlError::TooLong { requested, max: self.max.as_secs() })
            }
            Ok(requested) => Ok(Duration::from_secs(requested)),
        }
    }

    /// At start-up, Istio cuts the default to what is left of the CA's chain, and refuses to start
    /// if that has expired. `chain` is the validity of each certificate from the signer up to the
    /// root.
    pub fn within_chain(
        mut self,
        chain: impl IntoIterator<Item = Validity>,
        now: SystemTime,
    ) -> Result<Self, TtlError> {
        for validity in chain {
            let left = validity.remaining(now);
            if left.is_zero() {
                return Err(TtlError::ChainExpired {
                    not_after: rfc3339(validity.not_after),
                    now: rfc3339(now),
                });
            }
            self.default = self.default.min(left);
        }
        Ok(self)
    }
}
