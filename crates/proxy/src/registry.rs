//! The configuration in use, as its owner sees it: what connections share, and the listeners, route
//! tables and resources that they come by.
//!
//! Connections must not know it: each holds what its filter chain holds. It must not know how
//! configuration arrives.

use std::sync::Arc;
use std::time::SystemTime;

use crate::env::ProxyEnv;
use crate::http::RouteTables;
use crate::listener::ListenerSet;
use crate::resources::ResourceLog;

/// One per process.
pub struct Registry {
    pub env: Arc<ProxyEnv>,
    pub routes: RouteTables,
    pub listeners: Arc<ListenerSet>,
    /// Every resource as it was received, for `/config_dump`.
    pub resources: ResourceLog,
    pub started: SystemTime,
}

impl Registry {
    pub fn new(node_id: String) -> Self {
        Self {
            env: Arc::new(ProxyEnv::new(node_id)),
            routes: RouteTables::default(),
            listeners: Arc::default(),
            resources: ResourceLog::default(),
            started: SystemTime::now(),
        }
    }
}
