//! Which filter chain a connection gets: Envoy's precedence, one criterion after the other, without
//! going back.
//!
//! Pure: it knows rules and facts, no sockets and nothing of what chains do.
//!
//! At each criterion the most specific value that any remaining chain asks for decides, and the
//! others are out, even if a later criterion then finds nothing (Envoy docs, `FilterChainMatch`;
//! `FilterChainManagerImpl::findFilterChain`).

use std::collections::HashMap;
use std::net::IpAddr;

use crate::config::address::Cidr;

/// What one filter chain asks for. Empty lists and `None` ask for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChainMatch {
    pub destination_port: Option<u16>,
    pub destinations: Vec<Cidr>,
    /// In lower case. A suffix begins with a dot (`.example.com` for `*.example.com`).
    pub server_names: Vec<String>,
    /// `tls`, `raw_buffer`; empty for any.
    pub transport_protocol: String,
    pub application_protocols: Vec<String>,
    pub direct_sources: Vec<Cidr>,
    pub source_type: SourceType,
    pub sources: Vec<Cidr>,
    pub source_ports: Vec<u16>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum SourceType {
    #[default]
    Any,
    SameIpOrLoopback,
    External,
}

/// What is known of a connection when its chain is chosen.
#[derive(Debug, Clone, Copy)]
pub struct ChainFacts<'a> {
    pub destination: (IpAddr, u16),
    pub source: (IpAddr, u16),
    /// In lower case; empty if there is none.
    pub server_name: &'a str,
    pub transport_protocol: &'a str,
    /// In the client's order.
    pub application_protocols: &'a [String],
}

/// All chains of a listener, arranged for looking up. Values are the chains' indices.
#[derive(Debug, Default)]
pub struct ChainTable {
    ports: HashMap<Option<u16>, ByIp<ByName>>,
}

type ByName = HashMap<String, ByTransport>;
type ByTransport = HashMap<String, ByAlpn>;
type ByAlpn = HashMap<String, ByIp<BySourceType>>;
type BySourceType = HashMap<SourceType, ByIp<BySourcePort>>;
type BySourcePort = HashMap<Option<u16>, usize>;

/// By range, narrowest first; `None` is for every address.
type ByIp<T> = Vec<(Option<Cidr>, T)>;

/// Two chains that the same connection would get.
#[derive(Debug, PartialEq, Eq)]
pub struct Ambiguous {
    pub first: usize,
    pub second: usize,
}

impl ChainTable {
    /// Chains are numbered in the order given. Two that ask for the same are refused, as there is
    /// no telling them apart.
    pub fn new<'a>(matches: impl IntoIterator<Item = &'a ChainMatch>) -> Result<Self, Ambiguous> {
        let mut table = Self::default();
        for (index, asked) in matches.into_iter().enumerate() {
            table.insert(asked, index)?;
        }
        Ok(table)
    }

    fn insert(&mut self, asked: &ChainMatch, index: usize) -> Result<(), Ambiguous> {
        let by_ip = self.ports.entry(asked.destination_port).or_default();
        for destination in ranges(&asked.destinations) {
            for name in texts(&asked.server_names) {
                for alpn in texts(&asked.application_protocols) {
                    for direct in ranges(&asked.direct_sources) {
                        for source in ranges(&asked.sources) {
                            for port in ports(&asked.source_ports) {
                                let names = at_range(by_ip, destination);
                                let transports = names.entry(name.clone()).or_default();
                                let alpns = transports.entry(asked.transport_protocol.clone()).or_default();
                                let direct_sources = alpns.entry(alpn.clone()).or_default();
                                let types = at_range(direct_sources, direct);
                                let sources = types.entry(asked.source_type).or_default();
                                let first = *at_range(sources, source).entry(port).or_insert(index);
                                if first != index {
                                    return Err(Ambiguous { first, second: index });
                                }
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The index of the connection's chain, or `None` if none is for it.
    pub fn find(&self, facts: &ChainFacts<'_>) -> Option<usize> {
        let (ip, port) = facts.destination;
        let by_ip = self.ports.get(&Some(port)).or_else(|| self.ports.get(&None))?;
        let transports = by_name(in_range(by_ip, ip)?, facts.server_name)?;
        let alpns = transports.get(facts.transport_protocol).or_else(|| transports.get(""))?;
        let offered = facts.application_protocols.iter().find_map(|protocol| alpns.get(protocol));
        let types = in_range(offered.or_else(|| alpns.get(""))?, facts.source.0)?;
        let sources = types.get(&source_type(facts, types)).or_else(|| types.get(&SourceType::Any))?;
        let ports = in_range(sources, facts.source.0)?;
        ports.get(&Some(facts.source.1)).or_else(|| ports.get(&None)).copied()
    }
}

/// The name itself, then ever shorter suffixes, then chains that ask for no name.
fn by_name<'a>(names: &'a ByName, name: &str) -> Option<&'a ByTransport> {
    let suffixes = name.match_indices('.').filter(|(at, _)| *at > 0).map(|(at, _)| &name[at..]);
    let named = std::iter::once(name).filter(|name| !name.is_empty()).chain(suffixes);
    named.chain([""]).find_map(|candidate| names.get(candidate))
}

fn source_type(facts: &ChainFacts<'_>, types: &BySourceType) -> SourceType {
    if types.keys().all(|kind| *kind == SourceType::Any) {
        return SourceType::Any;
    }
    let (source, destination) = (facts.source.0.to_canonical(), facts.destination.0.to_canonical());
    if source.is_loopback() || source == destination {
        SourceType::SameIpOrLoopback
    } else {
        SourceType::External
    }
}

fn in_range<T>(by_ip: &ByIp<T>, ip: IpAddr) -> Option<&T> {
    by_ip.iter().find(|(range, _)| range.is_none_or(|range| range.contains(ip))).map(|(_, value)| value)
}

fn at_range<T: Default>(by_ip: &mut ByIp<T>, range: Option<Cidr>) -> &mut T {
    let length = |range: Option<Cidr>| range.map_or(-1, |range| i16::from(range.length()));
    let at = match by_ip.iter().position(|(known, _)| *known == range) {
        Some(at) => at,
        None => {
            let at = by_ip.partition_point(|(known, _)| length(*known) >= length(range));
            by_ip.insert(at, (range, T::default()));
            at
        }
    };
    &mut by_ip[at].1
}

/// A range of length 0 asks for nothing more than its family; Envoy treats none at all as both.
fn ranges(ranges: &[Cidr]) -> Vec<Option<Cidr>> {
    if ranges.is_empty() { vec![None] } else { ranges.iter().copied().map(Some).collect() }
}

fn texts(texts: &[String]) -> Vec<String> {
    if texts.is_empty() { vec![String::new()] } else { texts.to_vec() }
}

fn ports(ports: &[u16]) -> Vec<Option<u16>> {
    if ports.is_empty() { vec![None] } else { ports.iter().copied().map(Some).collect() }
}

#[cfg(test)]
mod tests;
