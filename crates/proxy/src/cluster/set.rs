//! The clusters in use, by name. A change costs what one cluster costs, however many there are.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock};

use super::UpstreamCluster;

type ByName = HashMap<String, Arc<UpstreamCluster>>;

/// Readers hold a lock for one look-up only, and a writer stands in the way of few of them.
#[derive(Default)]
pub struct ClusterSet {
    shards: [RwLock<ByName>; 32],
    hasher: RandomState,
}

impl ClusterSet {
    pub fn get(&self, name: &str) -> Option<Arc<UpstreamCluster>> {
        self.shard(name).read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// All clusters in name order.
    pub fn all(&self) -> Vec<Arc<UpstreamCluster>> {
        let of = |shard: &RwLock<ByName>| -> Vec<_> {
            shard.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
        };
        let mut all: Vec<_> = self.shards.iter().flat_map(of).collect();
        all.sort_by(|a, b| a.name().cmp(b.name()));
        all
    }

    pub(crate) fn insert(&self, cluster: Arc<UpstreamCluster>) {
        let name = cluster.name().to_owned();
        let mut shard = self.shard(&name).write().unwrap_or_else(PoisonError::into_inner);
        let replaced = shard.insert(name, cluster);
        // Whatever ends with the old one ends outside of the lock.
        drop(shard);
        drop(replaced);
    }

    pub(crate) fn remove(&self, name: &str) {
        let removed = self.shard(name).write().unwrap_or_else(PoisonError::into_inner).remove(name);
        drop(removed);
    }

    fn shard(&self, name: &str) -> &RwLock<ByName> {
        let place = self.hasher.hash_one(name) % self.shards.len() as u64;
        // The remainder of a division by 32 fits any integer.
        &self.shards[place as usize]
    }
}
