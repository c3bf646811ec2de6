//! Make before break: which kinds have to be quiet before another kind's news may go out.
//!
//! Clusters and endpoints come before the listeners and routes that use them; what is no longer
//! used goes in the opposite order (Envoy docs, "Eventual consistency considerations"). Secrets
//! never wait: a cluster warms only once it has them.

use crate::resource::ResourceType::{self, Cluster, Endpoint, Listener, Route, Secret};

/// New and changed resources of this kind wait until the proxy has answered for these.
pub(super) fn changes_wait_for(kind: ResourceType) -> &'static [ResourceType] {
    match kind {
        Secret | Cluster | Endpoint => &[],
        Listener | Route => &[Cluster, Endpoint],
    }
}

/// Removals of this kind wait until the proxy knows all news of these.
pub(super) fn removals_wait_for(kind: ResourceType) -> &'static [ResourceType] {
    match kind {
        Listener => &[],
        Route => &[Listener],
        Cluster => &[Listener, Route],
        Endpoint | Secret => &[Listener, Route, Cluster],
    }
}
