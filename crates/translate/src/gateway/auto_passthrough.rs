//! East-west traffic: the SNI spells out the service, so no VirtualService is asked (`pilot/pkg/networking/core/gateway.go`,
//! `builtAutoPassthroughFilterChains`; semantics document, section 10).

use std::collections::BTreeSet;

use carrick_model::host;
use carrick_model::snapshot::server_hosts;

use super::servers::BoundServer;
use crate::chains::{When, caused_by, chain};
use crate::context::Context;
use crate::envoy::listener::FilterChain;
use crate::filters;
use crate::names;
use crate::rule;
use crate::tls::ALPN_MESH_ALL;

/// A chain for each port and subset of each service of the mesh whose host the server admits. Only peers that speak Istio's mutual TLS
/// get through; what they carry is for the far end to judge.
pub fn chains(context: &Context<'_>, bound: &BoundServer, taken: &mut BTreeSet<String>) -> Vec<FilterChain> {
    let mut chains = Vec::new();
    for (service, _, port) in context.ports() {
        let admitted = server_hosts(bound.server()).any(|wide| host::is_subset(&service.host, wide));
        if service.mesh_external || !admitted {
            continue;
        }
        let rule = context.destination_rule(service);
        let subsets = rule.iter().flat_map(|rule| rule.subsets.iter().map(|subset| subset.name.as_str()));
        for subset in std::iter::once("").chain(subsets) {
            let sni = names::outbound_sni(port.number, subset, &service.host);
            if !taken.insert(sni.clone()) {
                continue;
            }
            let filter = filters::tcp::to_cluster(&sni, &context.access_log);
            let when = When { server_names: vec![sni], ..Default::default() }.alpn(&ALPN_MESH_ALL);
            chains.push(caused_by(rule::config(&bound.gateway.meta.config_path()), chain("", when, filter)));
        }
    }
    chains
}
