//! Outlier detection, of one host: which failures in a row eject it, and for how long (Envoy docs,
//! "Outlier detection").
//!
//! Rates of success are not looked at, only failures in a row. It must not know what failed, only
//! whose fault it counts as.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rand::Rng;

use crate::config::cluster::{OutlierConfig, Row};

/// How a host did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It answered with this HTTP status.
    Status(u16),
    /// It took a connection; what comes of it is reported later.
    Connected,
    /// It took a connection, and that is all there is to know.
    Done,
    /// No connection, or it broke before an answer.
    Failed,
    TimedOut,
}

/// What is remembered of one host.
#[derive(Debug, Default)]
pub struct OutlierState {
    server_errors: AtomicU32,
    gateway_errors: AtomicU32,
    local_errors: AtomicU32,
    ejection: Mutex<Ejection>,
}

#[derive(Debug, Default)]
struct Ejection {
    /// Since when, and how much longer than due.
    now: Option<(Instant, Duration)>,
    /// How many times the base time the next one, or this one, lasts.
    times: u32,
}

impl OutlierState {
    pub fn is_ejected(&self) -> bool {
        self.lock().now.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Ejection> {
        self.ejection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one of the rows is now full and to be enforced.
    pub fn count(&self, outcome: Outcome, config: &OutlierConfig) -> bool {
        match (outcome, config.split) {
            (Outcome::Status(status), _) => self.count_status(status, config),
            (Outcome::Failed, false) => self.count_status(503, config),
            (Outcome::TimedOut, false) => self.count_status(504, config),
            (Outcome::Done, false) => self.count_status(200, config),
            (Outcome::Connected, false) => false,
            (Outcome::Failed | Outcome::TimedOut, true) => add(&self.local_errors, config.local_errors),
            (Outcome::Connected | Outcome::Done, true) => {
                self.local_errors.store(0, Ordering::Relaxed);
                false
            }
        }
    }

    fn count_status(&self, status: u16, config: &OutlierConfig) -> bool {
        if !(500..600).contains(&status) {
            self.server_errors.store(0, Ordering::Relaxed);
            self.gateway_errors.store(0, Ordering::Relaxed);
            return false;
        }
        let gateway = match status {
            502..=504 => add(&self.gateway_errors, config.gateway_errors),
            _ => {
                self.gateway_errors.store(0, Ordering::Relaxed);
                false
            }
        };
        // Both rows are counted, whichever is full first.
        add(&self.server_errors, config.server_errors) || gateway
    }

    pub fn eject(&self, now: Instant, config: &OutlierConfig) {
        let jitter = match config.jitter.is_zero() {
            true => Duration::ZERO,
            false => rand::rng().random_range(Duration::ZERO..=config.jitter),
        };
        let mut ejection = self.lock();
        ejection.now = Some((now, jitter));
        if config.base_time.saturating_mul(ejection.times) < config.max_time.saturating_add(config.base_time)
        {
            ejection.times += 1;
        }
    }

    /// At each interval: an ejection may be over, and a host that does well is trusted more. True
    /// if it came back.
    pub fn tick(&self, now: Instant, config: &OutlierConfig) -> bool {
        let mut ejection = self.lock();
        let Some((since, jitter)) = ejection.now else {
            ejection.times = ejection.times.saturating_sub(1);
            return false;
        };
        let time = config.base_time.saturating_mul(ejection.times).min(config.max_time);
        if now.saturating_duration_since(since) < time.saturating_add(jitter) {
            return false;
        }
        ejection.now = None;
        ejection.times = ejection.times.saturating_sub(1);
        for counter in [&self.server_errors, &self.gateway_errors, &self.local_errors] {
            counter.store(0, Ordering::Relaxed);
        }
        true
    }
}

/// Counts one more failure; true if the row is full and the dice agree. Then it begins anew.
fn add(counter: &AtomicU32, row: Row) -> bool {
    if counter.fetch_add(1, Ordering::Relaxed) + 1 != row.length {
        return false;
    }
    counter.store(0, Ordering::Relaxed);
    rand::rng().random_range(0..100) < row.enforce
}

#[cfg(test)]
mod tests;
