//! Which listener a connection is handed over to by its original destination (Envoy docs,
//! `use_original_dst`).
//!
//! It must not know what a listener is.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Listeners by the address that each is for.
#[derive(Debug)]
pub struct ByDestination<L>(HashMap<SocketAddr, L>);

impl<L> Default for ByDestination<L> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<L> FromIterator<(SocketAddr, L)> for ByDestination<L> {
    fn from_iter<I: IntoIterator<Item = (SocketAddr, L)>>(listeners: I) -> Self {
        Self(listeners.into_iter().collect())
    }
}

impl<L> ByDestination<L> {
    /// The listener for connections to `destination`: one with exactly that address, else one for
    /// the port on all addresses.
    pub fn find(&self, destination: SocketAddr) -> Option<&L> {
        let everywhere: [IpAddr; 2] = match destination.ip().to_canonical() {
            IpAddr::V4(_) => [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            IpAddr::V6(_) => [Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
        };
        let exact = self.0.get(&destination);
        let wildcard =
            || everywhere.iter().find_map(|ip| self.0.get(&SocketAddr::new(*ip, destination.port())));
        exact.or_else(wildcard)
    }
    /// What is for exactly this address, to be changed in place.
    pub fn at_mut(&mut self, address: SocketAddr) -> &mut L
    where
        L: Default,
    {
        self.0.entry(address).or_default()
    }

    /// Nothing is for this address any more.
    pub fn remove(&mut self, address: SocketAddr) {
        self.0.remove(&address);
    }
}
