//! Filter chains: when they apply, and what they lead to. It must not know why a listener needs
//! one.

use crate::context::Context;
use crate::envoy::core::{CidrRange, Metadata, TransportSocket};
use crate::envoy::listener::{Filter, FilterChain, FilterChainMatch};
use crate::filters;
use crate::names;

/// Plain text, as listener filters report it.
pub(crate) const RAW: &str = "raw_buffer";
/// TLS, as the tls_inspector reports it.
pub(crate) const TLS: &str = "tls";

/// The conditions of a chain; empty ones hold for everything.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct When {
    pub destination_port: Option<u16>,
    pub ranges: Vec<CidrRange>,
    pub server_names: Vec<String>,
    /// [`RAW`], [`TLS`], or empty.
    pub transport: &'static str,
    pub alpn: Vec<String>,
}

impl When {
    pub(crate) fn port(port: u16) -> Self {
        When { destination_port: Some(port), ..Default::default() }
    }

    pub(crate) fn alpn(mut self, protocols: &[&str]) -> Self {
        self.alpn = protocols.iter().map(|protocol| (*protocol).to_owned()).collect();
        self
    }

    /// Whether the chain takes whatever comes.
    pub(crate) fn is_anything(&self) -> bool {
        *self == When::default()
    }

    fn into_match(self) -> Option<FilterChainMatch> {
        if self.is_anything() {
            return None;
        }
        Some(FilterChainMatch {
            destination_port: self.destination_port.map(u32::from),
            prefix_ranges: self.ranges,
            server_names: self.server_names,
            transport_protocol: self.transport.into(),
            application_protocols: self.alpn,
            ..Default::default()
        })
    }
}

pub(crate) fn chain(name: &str, when: When, filter: Filter) -> FilterChain {
    FilterChain {
        name: name.into(),
        filter_chain_match: when.into_match(),
        filters: vec![filter],
        ..Default::default()
    }
}

pub(crate) fn caused_by(metadata: Metadata, chain: FilterChain) -> FilterChain {
    FilterChain { metadata: Some(metadata), ..chain }
}

pub(crate) fn encrypted(socket: TransportSocket, chain: FilterChain) -> FilterChain {
    FilterChain { transport_socket: Some(socket), ..chain }
}

/// Who may send bytes into this chain is asked before anything is done with them.
pub(crate) fn guarded(context: &Context<'_>, mut chain: FilterChain) -> FilterChain {
    chain.filters.splice(0..0, context.guards.tcp.iter().cloned());
    chain
}

/// Where a listener sends what none of its chains takes: on, or nowhere, as the mesh's outbound
/// policy says.
pub(crate) fn fall_through(context: &Context<'_>) -> FilterChain {
    let filter = filters::tcp::to_cluster(context.unknown_destination(), &context.access_log);
    chain(names::PASSTHROUGH_CHAIN, When::default(), filter)
}

/// Takes connections to the capture port itself, which would otherwise be sent round in circles.
pub(crate) fn black_hole(context: &Context<'_>, name: &str, port: u16) -> FilterChain {
    chain(name, When::port(port), filters::tcp::to_cluster(names::BLACK_HOLE, &context.access_log))
}
