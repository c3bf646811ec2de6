//! By which filter chains a port is entered: those of its mode, and those for SNIs by which
//! outsiders come.
//!
//! A gateway that does not open TLS cannot ask who comes; so here whoever comes by an exposed SNI
//! must show a certificate, whatever the port's mode. Istio has no such chains: under PERMISSIVE it
//! takes TLS without a certificate for the application's own.

use std::collections::BTreeSet;

use carrick_model::Protocol;
use carrick_model::snapshot::MtlsMode;

use super::chain_specs::{ChainSpec, chain_specs};

/// One filter chain of a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InboundChain {
    pub spec: ChainSpec,
    /// The SNIs that it is for; empty for all others.
    pub server_names: Vec<String>,
    /// Whether those who come here come from another cluster.
    pub from_outside: bool,
}

/// All chains of a port. `exposed`: the SNIs of outsiders, `*` for any. `usual`: the chains of the
/// port's own mode.
pub(super) fn inbound_chains(
    protocol: Protocol,
    exposed: &BTreeSet<String>,
    usual: Vec<ChainSpec>,
) -> Vec<InboundChain> {
    let any_name = exposed.contains("*");
    let names: Vec<String> = if any_name { Vec::new() } else { exposed.iter().cloned().collect() };
    let strict = match exposed.is_empty() {
        true => Vec::new(),
        false => chain_specs(protocol, MtlsMode::Strict, false),
    };
    let from_outside =
        strict.into_iter().map(|spec| InboundChain { spec, server_names: names.clone(), from_outside: true });
    // Where any name may be an outsider's, no TLS is left that is not.
    let usual = usual.into_iter().filter(|spec| !(any_name && spec.is_tls()));
    let usual = usual.map(|spec| InboundChain { spec, server_names: Vec::new(), from_outside: false });
    from_outside.chain(usual).collect()
}

#[cfg(test)]
mod tests;
