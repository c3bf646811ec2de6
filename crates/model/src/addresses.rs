//! Addresses for hosts that have none: stable, deterministic, never moved. Pure; the control plane
//! stores the table between runs.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use crate::cidr::Cidr;

/// Which host got which address. An entry stays until its range is full, so that a host that comes
/// back finds its old address and no other host inherits one that clients may still have cached.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AddressTable {
    entries: BTreeMap<String, Ipv4Addr>,
}

/// The range has no free address left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no address is left in {range} for {host}")]
pub struct RangeExhausted {
    pub range: Cidr,
    pub host: String,
}

impl AddressTable {
    pub fn get(&self, host: &str) -> Option<Ipv4Addr> {
        self.entries.get(host).copied()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, Ipv4Addr)> {
        self.entries.iter().map(|(host, address)| (host.as_str(), *address))
    }

    /// Gives each host an address from `range` that is neither in the table nor `reserved`: see
    /// [`Allocation`].
    ///
    /// # Errors
    /// The first host for which no address is left.
    pub fn allocate<'a>(
        &mut self,
        range: Cidr,
        reserved: &BTreeSet<Ipv4Addr>,
        hosts: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), RangeExhausted> {
        let hosts: Vec<&str> = hosts.into_iter().collect();
        let mut allocation =
            Allocation::new(self, reserved, hosts.iter().copied().map(str::to_owned).collect());
        hosts.into_iter().try_for_each(|host| allocation.give(range, host).map(drop))
    }
}

/// Giving out addresses to many hosts, one after the other. What is taken is gathered once, so that
/// the work grows with the number of hosts and not with its square.
pub(crate) struct Allocation<'a> {
    table: &'a mut AddressTable,
    reserved: &'a BTreeSet<Ipv4Addr>,
    /// All hosts that there are now. Others of the table are only remembered.
    present: HashSet<String>,
    taken: HashSet<Ipv4Addr>,
    /// Ranges in which nothing is left, not even by forgetting. No address comes back meanwhile.
    full: Vec<Cidr>,
}

impl<'a> Allocation<'a> {
    pub(crate) fn new(
        table: &'a mut AddressTable,
        reserved: &'a BTreeSet<Ipv4Addr>,
        present: HashSet<String>,
    ) -> Allocation<'a> {
        let taken = table.entries.values().chain(reserved).copied().collect();
        Allocation { table, reserved, present, taken, full: Vec::new() }
    }

    /// The host's address in `range`. A host whose entry lies in the range keeps it, unless
    /// somebody claimed that very address explicitly. When nothing is free, hosts that are gone
    /// give up theirs.
    ///
    /// As in Istio's `se/auto_allocation.go`: an FNV-1a hash of the host picks the first slot, a
    /// second hash the stride, so that one more host does not move the others. The first and last
    /// addresses of the range are left out.
    pub(crate) fn give(&mut self, range: Cidr, host: &str) -> Result<Ipv4Addr, RangeExhausted> {
        let known = self.table.get(host);
        if let Some(kept) = known.filter(|a| range.contains(IpAddr::V4(*a)) && !self.reserved.contains(a)) {
            return Ok(kept);
        }
        let Some(address) = self.find(range, host) else {
            return Err(RangeExhausted { range, host: host.to_owned() });
        };
        self.taken.insert(address);
        self.table.entries.insert(host.to_owned(), address);
        Ok(address)
    }

    fn find(&mut self, range: Cidr, host: &str) -> Option<Ipv4Addr> {
        if self.full.contains(&range) {
            return None;
        }
        let free = |taken: &HashSet<Ipv4Addr>| candidates(range, host).find(|a| !taken.contains(a));
        if let Some(address) = free(&self.taken) {
            return Some(address);
        }
        self.forget_absent(range);
        let found = free(&self.taken);
        if found.is_none() {
            self.full.push(range);
        }
        found
    }

    fn forget_absent(&mut self, range: Cidr) {
        let Self { table, reserved, present, taken, .. } = self;
        table.entries.retain(|host, address| {
            let kept = present.contains(host) || !range.contains(IpAddr::V4(*address));
            if !kept && !reserved.contains(address) {
                taken.remove(address);
            }
            kept
        });
    }
}

/// All usable addresses of the range, in the order in which this host asks for them.
fn candidates(range: Cidr, host: &str) -> impl Iterator<Item = Ipv4Addr> + use<> {
    let base = match range.address() {
        IpAddr::V4(address) => address.to_bits(),
        IpAddr::V6(_) => 0,
    };
    let size = u32::try_from(range.size()).unwrap_or(u32::MAX);
    let base = base - base % size.max(1);
    let slots = match range.address() {
        IpAddr::V4(_) => u64::from(size.saturating_sub(2)),
        IpAddr::V6(_) => 0,
    };
    let first = fnv1a(host.as_bytes()) % slots.max(1);
    let stride = coprime_stride(fnv1a(format!("{host}#stride").as_bytes()), slots);
    (0..slots).map(move |step| {
        let slot = (first + step * stride) % slots;
        Ipv4Addr::from_bits(base + 1 + u32::try_from(slot).unwrap_or(0))
    })
}

/// A stride that visits every slot: the first one from the hash on that shares no factor with
/// `slots`.
fn coprime_stride(hash: u64, slots: u64) -> u64 {
    let mut stride = hash % slots.max(1);
    while gcd(stride, slots) > 1 || stride == 0 {
        stride += 1;
    }
    stride
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// FNV-1a, 32 bits, widened so that sums do not overflow.
fn fnv1a(bytes: &[u8]) -> u64 {
    let hash =
        bytes.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    u64::from(hash)
}

#[cfg(test)]
mod tests;
