//! From the destination that a VirtualService names to the name of a cluster
//! (`pilot/pkg/networking/core/route/route.go`, `GetDestinationCluster`). It must not know what
//! kind of route asks.

use carrick_model::resources::Destination;

use crate::context::Context;
use crate::names::outbound_cluster;

/// The port of a destination: the explicit one, else the only one that the service has, else the
/// one that was called.
pub(crate) fn port(context: &Context<'_>, destination: &Destination, called: u16) -> u16 {
    if let Some(port) = destination.port {
        return port.number;
    }
    match context.service(&destination.host).map(|service| service.ports.as_slice()) {
        Some([only]) => only.number,
        _ => called,
    }
}

/// The cluster's name. The cluster itself may be missing (no such host or subset); requests are
/// then answered with 503 NC.
pub(crate) fn cluster(context: &Context<'_>, destination: &Destination, called: u16) -> String {
    outbound_cluster(port(context, destination, called), &destination.subset, &destination.host)
}

/// Weighted destinations without those that get nothing; a single one needs no weight.
pub(crate) fn with_share<T>(all: &[T], weight: impl Fn(&T) -> u32) -> Vec<&T> {
    match all {
        [only] => vec![only],
        several => several.iter().filter(|one| weight(one) > 0).collect(),
    }
}
