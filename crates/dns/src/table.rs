//! What the server knows: the zones it is authoritative for, and the addresses of hosts. It does
//! not know packets, nor where the names come from.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use hickory_proto::rr::Name;
use hickory_proto::serialize::binary::{BinEncodable, BinEncoder};

#[cfg(test)]
mod tests;

/// Names and their addresses. Build one, then publish it whole: a table never changes while it is
/// served.
///
/// Lookups compare names without regard to ASCII case (RFC 4343).
#[derive(Clone, Debug, Default)]
pub struct NameTable {
    zones: HashMap<Key, Zone>,
    hosts: HashMap<Key, Vec<IpAddr>>,
    /// Addresses of `*.parent`, by `parent`.
    wildcards: HashMap<Key, Vec<IpAddr>>,
    /// Every ancestor of a known name. Such a name exists even when it has no record of its own
    /// (an "empty non-terminal", RFC 8020 section 2), so it must not be denied.
    ancestors: HashSet<Key>,
}

/// A name in wire form, in lower case. Length octets are at most 63, which is below `A`, so folding
/// the whole of it leaves them alone; and every parent of the name is a suffix of the bytes.
type Key = Vec<u8>;

#[derive(Clone, Debug)]
struct Zone {
    apex: Name,
    fixed: Option<IpAddr>,
}

/// Why a name cannot be served.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NameError {
    #[error("{name:?} is not a DNS name: {reason}; write labels of 1 to 63 letters, digits, '-' or '_'")]
    Malformed { name: String, reason: String },
    #[error("{name:?} would match every name there is; give the wildcard a parent, as in `*.example.com`")]
    MatchesEverything { name: String },
    #[error("{name:?} has a wildcard where none can be; `*` may only be the whole first label of a host")]
    MisplacedWildcard { name: String },
}

/// What the table says of one name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// Addresses are known. `apex` is the zone that holds the name; a host may also stand outside
    /// all zones.
    Host { addresses: &'a [IpAddr], apex: Option<&'a Name> },
    /// The name exists in the zone but has no addresses: the apex, or the parent of a host.
    Bare { apex: &'a Name },
    /// The name is in the zone's care and does not exist.
    Missing { apex: &'a Name },
    /// Not ours.
    Outside,
}

impl NameTable {
    /// An empty table: every name is outside it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the server authoritative for `apex` and all names below it: those that the table does
    /// not hold are answered NXDOMAIN and never relayed.
    ///
    /// With `fixed`, every name below the apex that has no entry of its own resolves to that
    /// address (the dummy address of setups where the proxy routes by authority and the address
    /// means nothing).
    pub fn add_zone(&mut self, apex: &str, fixed: Option<IpAddr>) -> Result<(), NameError> {
        let name = parse(apex)?;
        if name.iter().any(|label| label == b"*") {
            return Err(NameError::MisplacedWildcard { name: apex.to_owned() });
        }
        let key = fold(&wire(&name, apex)?);
        self.add_ancestors(&key);
        self.zones.insert(key, Zone { apex: name, fixed });
        Ok(())
    }

    /// Adds addresses to a host, given as a full name (`server.ns2.svc.cluster.global`, a final dot
    /// is allowed) or a wildcard (`*.example.com`, which matches any depth but not `example.com`
    /// itself).
    ///
    /// Adding twice merges. A host without addresses exists and has no data. An exact name wins
    /// over a wildcard, a longer wildcard over a shorter one, and both over the zone's fixed
    /// address.
    pub fn add_host(&mut self, host: &str, addresses: &[IpAddr]) -> Result<(), NameError> {
        let name = parse(host)?;
        let wildcard = name.iter().next() == Some(b"*");
        if name.iter().skip(1).any(|label| label == b"*") {
            return Err(NameError::MisplacedWildcard { name: host.to_owned() });
        }
        if wildcard && name.iter().len() == 1 {
            return Err(NameError::MatchesEverything { name: host.to_owned() });
        }
        let key = fold(&wire(&name, host)?);
        self.add_ancestors(&key);
        let entry = if wildcard {
            self.wildcards.entry(parents(&key).next().unwrap_or_default().to_vec()).or_default()
        } else {
            self.hosts.entry(key).or_default()
        };
        for address in addresses {
            if !entry.contains(address) {
                entry.push(*address);
            }
        }
        Ok(())
    }

    /// Looks a name up, given in wire form without compression.
    pub(crate) fn find(&self, name: &[u8]) -> Found<'_> {
        let key = fold(name);
        let zone = self.zones.get(&key).or_else(|| parents(&key).find_map(|parent| self.zones.get(parent)));
        let apex = zone.map(|zone| &zone.apex);
        let host = self.hosts.get(&key).or_else(|| parents(&key).find_map(|p| self.wildcards.get(p)));
        if let Some(addresses) = host {
            return Found::Host { addresses, apex };
        }
        let Some(Zone { apex, fixed }) = zone else { return Found::Outside };
        if self.zones.contains_key(&key) {
            return Found::Bare { apex };
        }
        match fixed {
            Some(address) => Found::Host { addresses: std::slice::from_ref(address), apex: Some(apex) },
            None if self.ancestors.contains(&key) => Found::Bare { apex },
            None => Found::Missing { apex },
        }
    }

    fn add_ancestors(&mut self, key: &[u8]) {
        self.ancestors.extend(parents(key).map(<[u8]>::to_vec));
    }
}

fn parse(text: &str) -> Result<Name, NameError> {
    let malformed = |reason: String| NameError::Malformed { name: text.to_owned(), reason };
    if text.trim_end_matches('.').is_empty() {
        return Err(malformed("it is empty".to_owned()));
    }
    if text.contains('\\') {
        return Err(malformed("escapes are not accepted".to_owned()));
    }
    let mut name = Name::from_ascii(text).map_err(|error| malformed(error.to_string()))?;
    name.set_fqdn(true);
    Ok(name)
}

fn wire(name: &Name, text: &str) -> Result<Vec<u8>, NameError> {
    let mut bytes = Vec::new();
    name.emit(&mut BinEncoder::new(&mut bytes))
        .map_err(|error| NameError::Malformed { name: text.to_owned(), reason: error.to_string() })?;
    Ok(bytes)
}

fn fold(wire: &[u8]) -> Key {
    wire.to_ascii_lowercase()
}

/// The parents of a name, nearest first, without the name itself and without the root.
fn parents(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(key), |name| {
        let (length, rest) = name.split_first()?;
        rest.get(usize::from(*length)..).filter(|parent| parent.len() > 1)
    })
    .skip(1)
}
