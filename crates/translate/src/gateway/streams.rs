//! Servers that look no further than TLS: passthrough by SNI, TLS with bytes inside, plain bytes.

use carrick_model::Resource;
use carrick_model::resources::{RouteDestination, ServerTlsSettings, TlsMatchAttributes, VirtualService};
use carrick_model::snapshot::GatewayServer;

use super::{server_names, server_tls};
use crate::chains::{TLS, When, caused_by, chain, encrypted, guarded};
use crate::context::Context;
use crate::envoy::listener::{Filter, FilterChain};
use crate::l4;
use crate::rule;
use crate::tls::server_socket;

/// The chain for one TLS match of a VirtualService. Its SNI hosts are used as they stand, also
/// where they are wider than the server's.
pub(super) fn passthrough(
    context: &Context<'_>,
    server: &GatewayServer,
    resource: &Resource<VirtualService>,
    wanted: &TlsMatchAttributes,
    destinations: &[RouteDestination],
) -> Option<FilterChain> {
    let filter = l4::to_destinations(context, resource, destinations, server.port)?;
    let any_name = wanted.sni_hosts.iter().any(|name| name == "*");
    let when = When {
        server_names: if any_name { vec![] } else { wanted.sni_hosts.clone() },
        // With names, only TLS can match. "Any name" must not come to mean plain text too, as it
        // does in Istio.
        transport: if any_name { TLS } else { "" },
        ranges: l4::ranges(&wanted.destination_subnets),
        ..Default::default()
    };
    let metadata = rule::config(&resource.meta.config_path());
    Some(caused_by(metadata, guarded(context, chain("", when, filter))))
}

/// TLS ends here; the bytes inside go where the first TCP route says.
pub(super) fn terminated(
    context: &Context<'_>,
    server: &GatewayServer,
    tls: &ServerTlsSettings,
) -> Option<FilterChain> {
    let (filter, responsible) = tcp_filter(context, server)?;
    let socket = server_socket(server_tls::from_settings(tls, &[]));
    let when = When { server_names: server_names(server), ..Default::default() };
    let one = guarded(context, chain("", when, filter));
    Some(encrypted(socket, caused_by(rule::config(&responsible), one)))
}

pub(super) fn opaque(context: &Context<'_>, server: &GatewayServer) -> Option<FilterChain> {
    let (filter, responsible) = tcp_filter(context, server)?;
    let one = guarded(context, chain("", When::default(), filter));
    Some(caused_by(rule::config(&responsible), one))
}

fn tcp_filter(context: &Context<'_>, server: &GatewayServer) -> Option<(Filter, String)> {
    let first = context.snapshot.tcp_claims(context.gateway_proxy(), server).into_iter().next()?;
    let filter = l4::to_destinations(context, &first.resource, &first.route().route, server.port)?;
    Some((filter, first.resource.meta.config_path()))
}
