//! The listeners in use: by name for their owner, by address for connections that are handed over.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use super::Listener;

#[derive(Default)]
pub struct ListenerSet {
    by_name: Mutex<BTreeMap<String, Entry>>,
    /// Of several with one address the last in name order counts.
    by_address: RwLock<HashMap<SocketAddr, BTreeMap<String, Arc<Listener>>>>,
}

pub(super) struct Entry {
    /// What new connections of the socket get.
    pub current: Arc<ArcSwap<Listener>>,
    /// The socket's address, with the port that the kernel chose; `None` for a listener without a socket.
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
        if let Some(address) = before
            && let Some(listeners) = by_address.get_mut(&address)
        {
            listeners.remove(name);
            if listeners.is_empty() {
                by_address.remove(&address);
            }
        }
        if let Some((address, listener)) = now {
            by_address.entry(address).or_default().insert(name.to_owned(), listener);
        }
    }

    /// The listener for connections to `destination`: one with exactly that address, else one for the port on all addresses.
    pub(super) fn for_destination(&self, destination: SocketAddr) -> Option<Arc<Listener>> {
        let by_address = self.by_address.read().unwrap_or_else(PoisonError::into_inner);
        let at = |address: &SocketAddr| by_address.get(address)?.last_key_value();
        let everywhere: [IpAddr; 2] = match destination.ip().to_canonical() {
            IpAddr::V4(_) => [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            IpAddr::V6(_) => [Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
        };
        let wildcard = || everywhere.iter().find_map(|ip| at(&SocketAddr::new(*ip, destination.port())));
        at(&destination).or_else(wildcard).map(|(_, listener)| Arc::clone(listener))
    }
}
