//! Outlier detection: a host that keeps failing is left out for a while (Envoy docs, "Outlier detection").
//!
//! Rates of success are not looked at, only failures in a row. It must not know what failed, only whose fault it counts as.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use rand::Rng;

use super::UpstreamCluster;
use super::endpoint::Endpoint;

/// `OutlierDetection`, converted. A row of zero failures never ejects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlierConfig {
    pub server_errors: Row,
    pub gateway_errors: Row,
    pub local_errors: Row,
    /// Failures of ours to reach a host count apart from its answers; else as 503 or 504 that it gave.
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

/// How a host did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
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
pub(super) struct OutlierState {
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
    fn count(&self, outcome: Outcome, config: &OutlierConfig) -> bool {
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

    fn eject(&self, now: Instant, config: &OutlierConfig) {
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

    /// At each interval: an ejection may be over, and a host that does well is trusted more. True if it came back.
    fn tick(&self, now: Instant, config: &OutlierConfig) -> bool {
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

impl UpstreamCluster {
    /// Says how a host did; it may be ejected for that.
    pub(crate) fn report(&self, endpoint: &Endpoint, outcome: Outcome) {
        let Some(config) = &self.config.outliers else { return };
        let state = &endpoint.counters.outlier;
        if !state.count(outcome, config) || state.is_ejected() {
            return;
        }
        // One at a time, so that the share of those ejected is kept.
        let _one_writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let set = self.endpoints.load();
        let all = set.endpoints().count() as u32;
        let ejected =
            set.endpoints().filter(|endpoint| endpoint.counters.outlier.is_ejected()).count() as u32;
        let allowed = 100 * (ejected + 1) <= config.max_percent * all;
        if allowed || (config.always_one && ejected == 0) {
            state.eject(Instant::now(), config);
            tracing::warn!(cluster = self.name(), host = %endpoint.address, "ejected: it failed too often in a row");
            self.endpoints.store(Arc::new(set.sorted_anew(self.config.by_locality, self.config.policy)));
        }
    }

    fn tick(&self, now: Instant) {
        let Some(config) = &self.config.outliers else { return };
        let _one_writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let set = self.endpoints.load();
        let mut returned = 0;
        for endpoint in set.endpoints().filter(|endpoint| endpoint.counters.outlier.tick(now, config)) {
            tracing::info!(cluster = self.name(), host = %endpoint.address, "is back after its ejection");
            returned += 1;
        }
        if returned > 0 {
            self.endpoints.store(Arc::new(set.sorted_anew(self.config.by_locality, self.config.policy)));
        }
    }
}

/// Lets ejected hosts come back, for as long as the cluster exists.
pub(crate) async fn follow_outliers(cluster: Weak<UpstreamCluster>) {
    let Some(interval) =
        cluster.upgrade().and_then(|cluster| Some(cluster.config.outliers.as_ref()?.interval))
    else {
        return;
    };
    loop {
        tokio::time::sleep(interval).await;
        match cluster.upgrade() {
            Some(cluster) => cluster.tick(Instant::now()),
            None => return,
        }
    }
}

#[cfg(test)]
mod tests;
