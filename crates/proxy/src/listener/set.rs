//! The listeners in use: by name for their owner, by address for connections that are handed over.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use carrick_policy::listener::destination::ByDestination;
use tokio_util::sync::CancellationToken;

use super::Listener;

#[derive(Default)]
pub struct ListenerSet {
    by_name: Mutex<BTreeMap<String, Entry>>,
    by_address: ArcSwap<ByDestination<Arc<Listener>>>,
}

pub(super) struct Entry {
    /// What new connections of the socket get.
    pub current: Arc<ArcSwap<Listener>>,
    /// The socket's address, with the port that the kernel chose; `None` for a listener without a socket.
    pub bound: Option<SocketAddr>,
    /// Ends the accept loop.
    pub stop: CancellationToken,
}

/// What `/listeners` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerSummary {
    pub name: String,
    pub address: SocketAddr,
    /// Whether it has a socket of its own.
    pub bound: bool,
}

impl ListenerSet {
    /// All listeners in name order.
    pub fn all(&self) -> Vec<ListenerSummary> {
        let summary = |(name, entry): (&String, &Entry)| ListenerSummary {
            name: name.clone(),
            address: entry.bound.unwrap_or_else(|| entry.current.load().address()),
            bound: entry.bound.is_some(),
        };
        self.entries().iter().map(summary).collect()
    }

    pub(super) fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called after every change of entries.
    pub(super) fn index(&self, entries: &BTreeMap<String, Entry>) {
        let listeners = entries.values().map(|entry| {
            let listener = entry.current.load_full();
            (entry.bound.unwrap_or_else(|| listener.address()), listener)
        });
        self.by_address.store(Arc::new(listeners.collect()));
    }

    /// The listener for connections that were redirected on their way to `destination`.
    pub(super) fn for_destination(&self, destination: SocketAddr) -> Option<Arc<Listener>> {
        self.by_address.load().find(destination).cloned()
    }
}
