//! Addresses for hosts that have none: stable, deterministic, never moved. Pure; the control plane stores the
//! table between runs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use crate::cidr::Cidr;

/// Which host got which address. An entry stays as long as the table lives, so that a host that comes back
/// finds its old address and no other host inherits one that clients may still have cached.
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

    /// Gives each host an address from `range` that is neither in the table nor `reserved`. A host whose entry
    /// lies in the range keeps it, unless somebody claimed that very address explicitly.
    ///
    /// As in Istio's `se/auto_allocation.go`: an FNV-1a hash of the host picks the first slot, a second hash
    /// the stride, so that one more host does not move the others. The first and last addresses of the range
    /// are left out.
    pub fn allocate<'a>(
        &mut self,
        range: Cidr,
        reserved: &BTreeSet<Ipv4Addr>,
        hosts: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), RangeExhausted> {
        let mut taken: BTreeSet<Ipv4Addr> =
            self.entries.values().copied().chain(reserved.iter().copied()).collect();
        for host in hosts {
            let kept = self.get(host).filter(|a| range.contains(IpAddr::V4(*a)) && !reserved.contains(a));
            if kept.is_some() {
                continue;
            }
            let free = candidates(range, host).find(|address| !taken.contains(address));
            let address = free.ok_or_else(|| RangeExhausted { range, host: host.to_owned() })?;
            taken.insert(address);
            self.entries.insert(host.to_owned(), address);
        }
        Ok(())
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

/// A stride that visits every slot: the first one from the hash on that shares no factor with `slots`.
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
