//! Outlier detection, of a cluster: a host that keeps failing is left out for a while, but only so
//! many of them at once.
//!
//! It must not know what failed, only whose fault it counts as.

use std::sync::{Arc, PoisonError, Weak};
use std::time::Instant;

use carrick_policy::balance::endpoint::Endpoint;
use carrick_policy::balance::outlier::Outcome;

use super::UpstreamCluster;

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
