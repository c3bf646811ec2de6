//! Upstream clusters: the mesh's services as this proxy calls them, and the fixed ones. Nothing
//! here knows who routes to them.

mod destination;
mod endpoints;
pub(crate) mod fixed;
mod locality;
mod metadata;
pub(crate) mod outbound;
pub(crate) mod policy;
pub(crate) mod protocol;
mod tls;

pub(crate) use tls::speaks_mesh_tls;

use crate::envoy::cluster::CircuitBreakers;
use crate::envoy::cluster::circuit_breakers::Thresholds;

/// Istio's defaults: no limit, but the remaining room is tracked
/// (`getDefaultCircuitBreakerThresholds`).
pub(crate) fn circuit_breakers() -> CircuitBreakers {
    let thresholds = Thresholds {
        max_connections: Some(u32::MAX),
        max_pending_requests: Some(u32::MAX),
        max_requests: Some(u32::MAX),
        max_retries: Some(u32::MAX),
        track_remaining: true,
        ..Default::default()
    };
    CircuitBreakers { thresholds: vec![thresholds], ..Default::default() }
}
