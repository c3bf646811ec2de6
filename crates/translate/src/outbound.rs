//! A sidecar's outbound side: what the application may call
//! (`pilot/pkg/networking/core/listener.go`, `listener_builder.go`, `httproute.go`; semantics
//! document, section 6).

mod listeners;
mod plan;
mod route_tables;
mod tcp;
mod tls;
mod virtual_hosts;

use carrick_xds::ProxyResources;

use crate::access_log;
use crate::address;
use crate::chains::{self, When, chain};
use crate::clusters;
use crate::context::Context;
use crate::envoy::core::TrafficDirection;
use crate::envoy::listener::Listener;
use crate::filters;
use crate::names;

pub(crate) fn add(context: &Context<'_>, resources: &mut ProxyResources) {
    clusters::outbound::add_all(context, resources);
    resources.add_cluster(&clusters::fixed::black_hole());
    resources.add_cluster(&clusters::fixed::passthrough());
    resources.add_listener(&virtual_outbound(context));
    let planned = plan::plans(context);
    for (key, plan) in &planned {
        resources.add_listener(&listeners::listener(context, key, plan));
    }
    for table in route_tables::route_tables(context, &planned) {
        resources.add_route(&table);
    }
}

/// Every captured connection arrives here, and is handed to the listener that stands for its
/// original destination. What remains belongs to no service.
fn virtual_outbound(context: &Context<'_>) -> Listener {
    let port = names::OUTBOUND_CAPTURE_PORT;
    let to_unknown = filters::tcp::to_cluster(context.unknown_destination(), &context.access_log);
    Listener {
        name: names::VIRTUAL_OUTBOUND.into(),
        address: Some(address::tcp(&names::WILDCARD, port)),
        use_original_dst: Some(true),
        traffic_direction: TrafficDirection::Outbound as i32,
        filter_chains: vec![
            chains::black_hole(context, names::VIRTUAL_OUTBOUND_BLACK_HOLE, port),
            chain(names::VIRTUAL_OUTBOUND_CATCH_ALL, When::default(), to_unknown),
        ],
        access_log: context.access_log.iter().map(access_log::unmatched_only).collect(),
        ..Default::default()
    }
}
