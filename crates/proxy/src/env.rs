//! What every connection of this process shares: clusters, secrets, records, counters, and the
//! drain signal.
//!
//! Readers only: configuration is written by `store` alone. It must not know how any of the parts
//! works.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio_util::task::TaskTracker;

use crate::cluster::ClusterSet;
use crate::drain::Drain;
use crate::flow::FlowRing;
use crate::secrets::Secrets;
use crate::stats::Stats;

/// How many flow records a proxy keeps for `/flows`.
const FLOW_RECORDS: u64 = 1024;

/// One per process, shared by everything at run time.
pub struct ProxyEnv {
    /// `node.id` of the bootstrap; empty if it has none.
    pub node_id: String,
    pub clusters: ClusterSet,
    pub secrets: Secrets,
    pub flows: FlowRing,
    pub stats: Stats,
    /// Begins when the process is asked to stop. Connections look at that of their filter chain,
    /// which follows this one.
    pub drain: Drain,
    /// Downstream connections, which the process lets finish before it ends.
    pub connections: TaskTracker,
    connection_ids: AtomicU64,
}

impl ProxyEnv {
    pub fn new(node_id: String) -> Self {
        Self {
            flows: FlowRing::new(FLOW_RECORDS, node_id.clone()),
            node_id,
            clusters: ClusterSet::default(),
            secrets: Secrets::default(),
            stats: Stats::default(),
            drain: Drain::default(),
            connections: TaskTracker::new(),
            connection_ids: AtomicU64::new(1),
        }
    }

    /// An identifier that no other connection of this process has.
    pub fn next_connection_id(&self) -> u64 {
        self.connection_ids.fetch_add(1, Ordering::Relaxed)
    }
}
