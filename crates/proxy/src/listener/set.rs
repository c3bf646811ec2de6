//! The listeners in use: by name for their owner, by address for connections that are handed over.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use arc_swap::ArcSwap;
use carrick_policy::listener::destination::ByDestination;
use tokio_util::sync::CancellationToken;

use super::Listener;

#[derive(Default)]
pub struct ListenerSet {
    by_name: Mutex<BTreeMap<String, Entry>>,
    /// Of several with one address the last in name order counts.
    by_address: RwLock<ByDestination<BTreeMap<String, Arc<Listener>>>>,
}

pub(super) struct Entry {
    /// What new connections of the socket get.
    pub current: Arc<ArcSwap<Listener>>,
    /// The socket's address, with the port that the kernel chose; `None` for a listener without a
    /// socket.
    pub bound: Option<SocketAddr>,
    /// Ends the accept loop.
    pub stop: CancellationToken,
}

impl Entry {
    pub fn address(&self) -> SocketAddr {
        self.bound.unwrap_or_else(|| self.current.load().address())
    }

    pub fn indexed(&self) -> (SocketAddr, Arc<Listener>) {
        (self.address(), self.current.load_full())
    }
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
            address: entry.address(),
            bound: entry.bound.is_some(),
        };
        self.entries().iter().map(summary).collect()
    }

    pub(super) fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called with every change of an entry: what was under its name before, and what is now.
    pub(super) fn index(
        &self,
        name: &str,
        before: Option<SocketAddr>,
        now: Option<(SocketAddr, Arc<Listener>)>,
    ) {
        let mut by_address = self.by_address.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(address) = before {
            let listeners = by_address.at_mut(address);
            listeners.remove(name);
            if listeners.is_empty() {
                by_address.remove(address);
            }
        }
        if let Some((address, listener)) = now {
            by_address.at_mut(address).insert(name.to_owned(), listener);
        }
    }

    /// The listener for connections that were redirected on their way to `destination`.
    pub(super) fn for_destination(&self, destination: SocketAddr) -> Option<Arc<Listener>> {
        let by_address = self.by_address.read().unwrap_or_else(PoisonError::into_inner);
        by_address.find(destination)?.last_key_value().map(|(_, listener)| Arc::clone(listener))
    }
}
