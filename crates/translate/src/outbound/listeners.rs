//! One planned outbound listener in Envoy's form. None of them binds a port: virtualOutbound hands
//! connections over.

use super::plan::{Key, Plan};
use crate::access_log;
use crate::address;
use crate::chains::{self, When, chain};
use crate::context::Context;
use crate::envoy::core::TrafficDirection;
use crate::envoy::listener::{FilterChain, Listener};
use crate::filters::http::{Place, Routes, connection_manager};
use crate::filters::listener::{http_inspector, tls_inspector};
use crate::names;
use crate::tls::ALPN_PLAIN_HTTP;

pub(super) fn listener(context: &Context<'_>, key: &Key, plan: &Plan) -> Listener {
    let name = names::bound(&key.bind, key.port);
    let mut filter_chains = plan.chains.clone();
    filter_chains.extend(plan.http.as_ref().map(|http| http_chain(context, &name, &http.route_table)));
    let mut listener_filters = vec![];
    // Chains that only look at addresses must not wait for bytes: where the server speaks first,
    // none would come.
    if filter_chains.iter().any(looks_at_bytes) {
        listener_filters.push(tls_inspector());
    }
    if plan.http.is_some() {
        listener_filters.push(http_inspector());
    }
    let default_filter_chain = match (&plan.anything, filter_chains.is_empty()) {
        // Alone it needs no default beside it.
        (Some(only), true) => {
            filter_chains.push(only.clone());
            None
        }
        (Some(anything), false) => Some(anything.clone()),
        (None, _) => Some(chains::fall_through(context)),
    };
    let waits = !listener_filters.is_empty();
    Listener {
        address: Some(address::tcp(&key.bind, key.port)),
        name,
        bind_to_port: Some(false),
        traffic_direction: TrafficDirection::Outbound as i32,
        filter_chains,
        default_filter_chain,
        listener_filters,
        // Zero: no limit. Where the server speaks first, only the timeout would tell; Istio waits
        // for the client.
        listener_filters_timeout: waits.then(Default::default),
        continue_on_listener_filters_timeout: waits,
        access_log: context.access_log.iter().map(access_log::unmatched_only).collect(),
        ..Default::default()
    }
}

fn looks_at_bytes(chain: &FilterChain) -> bool {
    chain.filter_chain_match.as_ref().is_some_and(|conditions| {
        !conditions.server_names.is_empty()
            || !conditions.transport_protocol.is_empty()
            || !conditions.application_protocols.is_empty()
    })
}

fn http_chain(context: &Context<'_>, listener: &str, route_table: &str) -> FilterChain {
    let stat_prefix = names::stat_name(&format!("outbound_{listener}"));
    let routes = Routes::Discovered(route_table.into());
    let manager = connection_manager(Place::Outbound, &stat_prefix, routes, &[], &context.access_log);
    let when = When { transport: chains::RAW, ..Default::default() }.alpn(&ALPN_PLAIN_HTTP);
    chain("", when, manager)
}
