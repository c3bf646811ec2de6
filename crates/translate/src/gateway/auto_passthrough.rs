//! East-west traffic: the SNI spells out the service, so no VirtualService is asked
//! (`pilot/pkg/networking/core/gateway.go`, `builtAutoPassthroughFilterChains`; semantics document,
//! section 10).

use carrick_model::snapshot::GatewayServer;

use crate::chains::{When, caused_by, chain};
use crate::context::Context;
use crate::envoy::listener::FilterChain;
use crate::filters;
use crate::rule;
use crate::tls::ALPN_MESH_ALL;

/// The chain for the one name of a service's port and subset, which is the name of its cluster too.
/// Only peers that speak Istio's mutual TLS get through; what they carry is for the far end to
/// judge.
pub(super) fn chain_for(context: &Context<'_>, server: &GatewayServer, names: &[String]) -> FilterChain {
    let cluster = names.first().map(String::as_str).unwrap_or_default();
    let filter = filters::tcp::to_cluster(cluster, &context.access_log);
    let when = When { server_names: names.to_vec(), ..Default::default() }.alpn(&ALPN_MESH_ALL);
    caused_by(rule::config(&server.gateway.meta.config_path()), chain("", when, filter))
}
