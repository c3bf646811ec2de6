//! The clusters in use, by name: one writer, readers without locks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use super::UpstreamCluster;

#[derive(Default)]
pub struct ClusterSet {
    clusters: ArcSwap<HashMap<String, Arc<UpstreamCluster>>>,
    writer: Mutex<()>,
}

impl ClusterSet {
    pub fn get(&self, name: &str) -> Option<Arc<UpstreamCluster>> {
        self.clusters.load().get(name).cloned()
    }

    /// All clusters in name order.
    pub fn all(&self) -> Vec<Arc<UpstreamCluster>> {
        let mut all: Vec<_> = self.clusters.load().values().cloned().collect();
        all.sort_by(|a, b| a.name().cmp(b.name()));
        all
    }

    pub(crate) fn insert(&self, cluster: Arc<UpstreamCluster>) {
        self.change(|clusters| {
            clusters.insert(cluster.name().to_owned(), Arc::clone(&cluster));
        });
    }

    pub(crate) fn remove(&self, name: &str) {
        self.change(|clusters| {
            clusters.remove(name);
        });
    }

    fn change(&self, change: impl Fn(&mut HashMap<String, Arc<UpstreamCluster>>)) {
        let _one_writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut clusters = HashMap::clone(&self.clusters.load());
        change(&mut clusters);
        self.clusters.store(Arc::new(clusters));
    }
}
