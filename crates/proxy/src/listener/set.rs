//! The listeners in use: by name for their owner, by address for connections that are handed over.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use super::Listener;

#[derive(Default)]
pub struct ListenerSet {
    by_name: Mutex<BTreeMap<String, Entry>>,
    by_address: ArcSwap<HashMap<SocketAddr, Arc<Listener>>>,
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

    /// The listener for connections to `destination`: one with exactly that address, else one for the port on all addresses.
    pub(super) fn for_destination(&self, destination: SocketAddr) -> Option<Arc<Listener>> {
        let by_address = self.by_address.load();
        let everywhere: [IpAddr; 2] = match destination.ip().to_canonical() {
            IpAddr::V4(_) => [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            IpAddr::V6(_) => [Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
        };
        let exact = by_address.get(&destination);
        let wildcard =
            || everywhere.iter().find_map(|ip| by_address.get(&SocketAddr::new(*ip, destination.port())));
        exact.or_else(wildcard).cloned()
    }
}
