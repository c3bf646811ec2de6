//! Counters, gauges and histograms with Envoy's names, and their exposition for `/stats` and
//! `/stats/prometheus`.
//!
//! Series come from configuration (clusters, listeners, stat prefixes), never from what clients
//! send, and their number is capped. It must not know what the numbers are about.
//!
//! Reading order: [`groups`] (which numbers exist), [`metric`] (one number), [`text`] (how they are
//! shown).

mod groups;
mod metric;
mod text;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

pub use groups::{ClusterStats, HttpStats, ListenerStats, ServerStats, TcpStats};
pub use metric::{Counter, Gauge, Histogram};

/// At most this many clusters, listeners, or prefixes have numbers of their own; later ones share
/// the series `overflow`.
const SERIES_LIMIT: usize = 10_000;

/// All numbers of the process. The groups are fetched when listeners and clusters are built, not by
/// connections.
#[derive(Debug, Default)]
pub struct Stats {
    pub server: ServerStats,
    clusters: Family<ClusterStats>,
    listeners: Family<ListenerStats>,
    http: Family<HttpStats>,
    tcp: Family<TcpStats>,
}

impl Stats {
    pub fn cluster(&self, name: &str) -> Arc<ClusterStats> {
        self.clusters.get(name)
    }

    /// `address` as Envoy labels it: `0.0.0.0_15006`.
    pub fn listener(&self, address: &str) -> Arc<ListenerStats> {
        self.listeners.get(address)
    }

    /// By `stat_prefix` of the HTTP connection manager.
    pub fn http(&self, prefix: &str) -> Arc<HttpStats> {
        self.http.get(prefix)
    }

    /// By `stat_prefix` of the TCP proxy.
    pub fn tcp(&self, prefix: &str) -> Arc<TcpStats> {
        self.tcp.get(prefix)
    }

    /// Forgets the numbers of a cluster that was removed.
    pub fn remove_cluster(&self, name: &str) {
        self.clusters.remove(name);
    }
}

/// Groups of one kind by the name that tells them apart.
#[derive(Debug, Default)]
struct Family<G> {
    groups: Mutex<BTreeMap<String, Arc<G>>>,
}

impl<G: Default> Family<G> {
    fn get(&self, name: &str) -> Arc<G> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = groups.get(name) {
            return group.clone();
        }
        let name = if groups.len() < SERIES_LIMIT { name } else { "overflow" };
        groups.entry(name.to_owned()).or_default().clone()
    }

    fn remove(&self, name: &str) {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    fn all(&self) -> Vec<(String, Arc<G>)> {
        let groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.iter().map(|(name, group)| (name.clone(), group.clone())).collect()
    }
}

#[cfg(test)]
mod tests;
