//! `(MeshSnapshot, ProxyNode) -> ProxyResources`: what Istio's resources mean in Envoy's words.
//!
//! Pure: no I/O, no clock, no async runtime. The only crate that knows both vocabularies, and only
//! stock Envoy filters leave it.
//!
//! Reading order: [`node`] (who asks), `audience` (who gets the same), `context` and `scope` (what
//! it sees), `authorization` (who may call it), then the three sides of a proxy: `outbound`,
//! `inbound`, `gateway`. They are made of `clusters`, `routes`, `l4`, `chains`, `filters`, `tls`;
//! `names` and `rule` are Istio's conventions. [`bootstrap`](mod@bootstrap) is the file that a
//! proxy starts from; [`unsupported`] finds what none of this says.

#![warn(unreachable_pub)]

mod access_log;
mod address;
mod audience;
mod authorization;
pub mod bootstrap;
mod chains;
mod clusters;
mod context;
mod credentials;
mod destination;
mod duration;
mod envoy;
mod filters;
mod gateway;
mod inbound;
mod l4;
mod names;
pub mod node;
mod outbound;
mod responsible;
mod routes;
mod rule;
mod scope;
mod tls;
mod unsupported;

use carrick_model::snapshot::MeshSnapshot;
use carrick_xds::ProxyResources;

pub use audience::Audience;
pub use bootstrap::{BootstrapPlan, bootstrap};
pub use node::{NodeError, NodeKind, ProxyNode};
pub use responsible::responsible;
pub use unsupported::unsupported;

/// Everything that one proxy should run. The same snapshot and node give the same bytes, always.
pub fn translate(snapshot: &MeshSnapshot, node: &ProxyNode) -> ProxyResources {
    let mut resources = match node.kind {
        NodeKind::Sidecar => outbound(snapshot, &Audience::from_node(snapshot, node)),
        NodeKind::Router => ProxyResources::default(),
    };
    resources.extend(own(snapshot, node));
    resources
}

/// The part that all sidecars of one audience share: how to call the mesh.
pub fn outbound(snapshot: &MeshSnapshot, audience: &Audience) -> ProxyResources {
    let mut resources = ProxyResources::default();
    outbound::add(&context::Context::new(snapshot, audience.node()), &mut resources);
    resources
}

/// The part that is one proxy's alone: how a sidecar's workload is called; all of a gateway.
pub fn own(snapshot: &MeshSnapshot, node: &ProxyNode) -> ProxyResources {
    let context = context::Context::new(snapshot, node);
    let mut resources = ProxyResources::default();
    match node.kind {
        NodeKind::Sidecar => inbound::add(&context, &mut resources),
        NodeKind::Router => gateway::add(&context, &mut resources),
    }
    resources
}
