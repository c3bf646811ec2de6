//! `(MeshSnapshot, ProxyNode) -> ProxyResources`: what Istio's resources mean in Envoy's words.
//!
//! Pure: no I/O, no clock, no async runtime. The only crate that knows both vocabularies.

mod access_log;
mod address;
pub mod bootstrap;
mod clusters;
mod envoy;
mod filters;
mod names;
pub mod node;
mod rule;
mod tls;

pub use bootstrap::{BootstrapPlan, bootstrap};
pub use node::{NodeError, NodeKind, ProxyNode};
