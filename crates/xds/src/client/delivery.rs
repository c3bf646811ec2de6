//! One response, checked and sorted, waiting for the owner's verdict.

use std::collections::BTreeSet;

use crate::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse, Resource};
use crate::resource::ResourceType;

use super::subscription::Subscription;

/// A resource as it came, not yet decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct RawResource {
    pub name: String,
    pub version: String,
    pub any: prost_types::Any,
}

/// The news of one response. Hand it back to [`Client::accept`](super::Client::accept),
/// [`accept_except`](super::Client::accept_except) or [`reject`](super::Client::reject): every
/// response is answered.
#[derive(Debug, PartialEq)]
pub struct Delivery {
    pub kind: ResourceType,
    /// New and changed resources, in the order they were sent.
    pub added: Vec<RawResource>,
    /// Resources that are gone, or that were asked for and do not exist.
    pub removed: Vec<String>,
    pub nonce: String,
    /// The stream that it came on.
    pub(super) stream: u64,
}

/// A response that breaks the protocol. Nothing of it is to be used.
#[derive(Debug, thiserror::Error)]
#[error("bad xDS response: {reason}")]
pub struct BadResponse {
    pub reason: String,
    /// The NACK to send; `None` for a kind that was never asked for, which has no state to answer
    /// for.
    pub nack: Option<Box<DeltaDiscoveryRequest>>,
}

pub(super) fn read(
    kind: ResourceType,
    response: DeltaDiscoveryResponse,
    subscription: &Subscription,
    stream: u64,
) -> Result<Delivery, String> {
    let mut seen = BTreeSet::new();
    let mut added = Vec::new();
    for resource in response.resources {
        if !seen.insert(resource.name.clone()) {
            return Err(format!("{kind} {:?} is listed twice", resource.name));
        }
        if let Some(resource) = body(kind, resource, subscription)? {
            added.push(resource);
        }
    }
    if let Some(name) = response.removed_resources.iter().find(|name| !seen.insert((*name).clone())) {
        return Err(format!("{kind} {name:?} is listed twice"));
    }
    let removed = response.removed_resources.into_iter().filter(|name| subscription.covers(name)).collect();
    Ok(Delivery { kind, added, removed, nonce: response.nonce, stream })
}

/// The resource with its body; nothing if it was not asked for, or if it only repeats that a
/// version still stands (Envoy docs, "TTL": a heartbeat has no body).
fn body(
    kind: ResourceType,
    resource: Resource,
    subscription: &Subscription,
) -> Result<Option<RawResource>, String> {
    let Resource { name, version, resource: body, .. } = resource;
    if name.is_empty() {
        return Err(format!("a {kind} has no name"));
    }
    if !subscription.covers(&name) {
        return Ok(None);
    }
    match body {
        Some(any) if any.type_url == kind.type_url() => Ok(Some(RawResource { name, version, any })),
        Some(any) => Err(format!("{kind} {name:?} has the type URL {:?}", any.type_url)),
        None if subscription.holds(&name, &version) => Ok(None),
        None => Err(format!("{kind} {name:?} has no body")),
    }
}
