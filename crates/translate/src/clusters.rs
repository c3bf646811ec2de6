//! Upstream clusters: the mesh's services as this proxy calls them, and the fixed ones. Nothing here knows who routes to them.

mod endpoints;
pub mod fixed;
pub mod inbound;
mod locality;
mod metadata;
pub mod outbound;
mod policy;
pub mod protocol;
mod tls;

pub use tls::speaks_mesh_tls;

use std::time::Duration;

use crate::envoy::cluster::CircuitBreakers;
use crate::envoy::cluster::circuit_breakers::Thresholds;

/// Istio's defaults: no limit, but the remaining room is tracked (`getDefaultCircuitBreakerThresholds`).
fn circuit_breakers() -> CircuitBreakers {
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

pub fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: duration.subsec_nanos().try_into().unwrap_or(0),
    }
}
