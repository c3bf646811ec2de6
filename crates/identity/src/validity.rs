//! The span of time in which a certificate holds. Times are whole seconds, as X.509 writes them;
//! "now" is always the caller's.

use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// NotBefore and NotAfter, both inclusive (RFC 5280 section 4.1.2.5). Stored as seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Validity {
    pub not_before: SystemTime,
    pub not_after: SystemTime,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    not_before: u64,
    not_after: u64,
}

/// Where an instant lies with respect to a [`Validity`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    NotYetValid,
    Valid,
    Expired,
}

impl Validity {
    pub fn standing(&self, now: SystemTime) -> Standing {
        if now < self.not_before {
            Standing::NotYetValid
        } else if whole_seconds(now) > self.not_after {
            Standing::Expired
        } else {
            Standing::Valid
        }
    }

    /// NotAfter minus NotBefore; zero where the certificate has them the wrong way round.
    pub fn lifetime(&self) -> Duration {
        self.not_after.duration_since(self.not_before).unwrap_or_default()
    }

    /// How long it is still valid; zero once it has expired.
    pub fn remaining(&self, now: SystemTime) -> Duration {
        self.not_after.duration_since(now).unwrap_or_default()
    }
}

impl From<Validity> for Stored {
    fn from(validity: Validity) -> Self {
        let seconds = |at| unix_seconds(at).unwrap_or(0);
        Self { not_before: seconds(validity.not_before), not_after: seconds(validity.not_after) }
    }
}

impl From<Stored> for Validity {
    fn from(stored: Stored) -> Self {
        // A number too large to be a time becomes 1970, which is expired: a damaged store grants
        // nothing.
        let at = |seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(UNIX_EPOCH);
        Self { not_before: at(stored.not_before), not_after: at(stored.not_after) }
    }
}

/// The instant with its fraction of a second cut off, as a certificate would store it.
pub(crate) fn whole_seconds(at: SystemTime) -> SystemTime {
    match at.duration_since(UNIX_EPOCH) {
        Ok(since) => UNIX_EPOCH + Duration::from_secs(since.as_secs()),
        Err(_) => at,
    }
}

/// Seconds since 1970, or `None` for an instant that no certificate can name (before 1970, after
/// 9999).
pub fn unix_seconds(at: SystemTime) -> Option<u64> {
    let seconds = at.duration_since(UNIX_EPOCH).ok()?.as_secs();
    date_time(seconds).map(|_| seconds)
}

/// The date of a count of seconds since 1970, if it lies before the year 10000.
pub(crate) fn date_time(seconds: u64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()
}

/// For error messages: `2026-11-24T00:00:00Z`.
pub fn rfc3339(at: SystemTime) -> String {
    unix_seconds(at)
        .and_then(date_time)
        .and_then(|date| date.format(&Rfc3339).ok())
        .unwrap_or_else(|| "a time outside 1970 to 9999".to_owned())
}
