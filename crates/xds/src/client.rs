//! The client's side of delta ADS, without sockets or time: requests come out, responses go in.
//! [`SotwClient`] is its sibling for state-of-the-world streams of one kind.
//!
//! The owner connects, sends what it is given, hands in what arrives, and tells what became of each
//! [`Delivery`]. It must not know what a resource means, nor keep its content: only which versions
//! the owner has accepted.
//!
//! Rules: Envoy docs, "xDS REST and gRPC protocol", incremental variants; `discovery.proto`.

mod delivery;
mod sotw;
mod subscription;

use std::collections::{BTreeMap, BTreeSet};

use crate::nack::{self, Refusal};
use crate::pb::envoy::config::core::v3::Node;
use crate::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use crate::pb::google::rpc::Status;
use crate::resource::ResourceType;

pub use delivery::{BadResponse, Delivery, RawResource};
pub use sotw::{BadSotwResponse, SotwClient, SotwDelivery};

use subscription::Subscription;

/// gRPC's status code INTERNAL, which is what Envoy puts into every NACK.
const INTERNAL: i32 = 13;

/// One proxy's subscriptions and the versions that it holds, over any number of streams.
#[derive(Debug)]
pub struct Client {
    node: Node,
    kinds: BTreeMap<ResourceType, Subscription>,
    /// Counts streams, so that an answer to a response of a dead stream is not sent on the next
    /// one.
    stream: u64,
    connected: bool,
    node_sent: bool,
}

impl Client {
    pub fn new(node: Node) -> Self {
        Self { node, kinds: BTreeMap::new(), stream: 0, connected: false, node_sent: false }
    }

    /// A new stream is up: the first requests to send on it, in order. They name every subscription
    /// and the accepted versions, so that the server sends only what differs.
    pub fn connected(&mut self) -> Vec<DeltaDiscoveryRequest> {
        self.stream += 1;
        self.connected = true;
        self.node_sent = false;
        let kinds: Vec<ResourceType> = self
            .kinds
            .iter()
            .filter(|(_, subscription)| !subscription.is_empty())
            .map(|(kind, _)| *kind)
            .collect();
        self.kinds.values_mut().for_each(Subscription::stream_lost);
        kinds.into_iter().filter_map(|kind| self.request(kind, Vec::new(), Vec::new())).collect()
    }

    /// The stream is gone. Until [`connected`](Self::connected) only bookkeeping is done.
    pub fn disconnected(&mut self) {
        self.connected = false;
    }

    /// Asks for resources by name, or for all of a kind with [`WILDCARD`](crate::WILDCARD). Names
    /// that are already subscribed are left out; nothing is to be sent if none is left or there is
    /// no stream.
    pub fn subscribe<S: Into<String>>(
        &mut self,
        kind: ResourceType,
        names: impl IntoIterator<Item = S>,
    ) -> Option<DeltaDiscoveryRequest> {
        let names = names.into_iter().map(Into::into);
        let added = self.kinds.entry(kind).or_default().subscribe(names);
        if added.is_empty() { None } else { self.request(kind, added, Vec::new()) }
    }

    /// Takes subscriptions back. What was held under these names is forgotten, unless a wildcard
    /// covers it too.
    pub fn unsubscribe<S: AsRef<str>>(
        &mut self,
        kind: ResourceType,
        names: impl IntoIterator<Item = S>,
    ) -> Option<DeltaDiscoveryRequest> {
        let removed = self.kinds.entry(kind).or_default().unsubscribe(names);
        if removed.is_empty() { None } else { self.request(kind, Vec::new(), removed) }
    }

    /// Sorts out a response. What was not asked for is left out; a response that breaks the
    /// protocol is an error, with the NACK to send if one is due.
    pub fn on_response(&mut self, response: DeltaDiscoveryResponse) -> Result<Delivery, BadResponse> {
        let nonce = response.nonce.clone();
        let Some(kind) = ResourceType::from_type_url(&response.type_url) else {
            let reason = format!("type URL {:?} was never subscribed", response.type_url);
            return Err(BadResponse { reason, nack: None });
        };
        let subscription = self.kinds.entry(kind).or_default();
        delivery::read(kind, response, subscription, self.stream).map_err(|reason| {
            let nack = self.answer(kind, self.stream, nonce, Some(reason.clone())).map(Box::new);
            BadResponse { reason, nack }
        })
    }

    /// Everything in the delivery is in use now. Returns the ACK; none is due when its stream is
    /// gone.
    pub fn accept(&mut self, delivery: Delivery) -> Option<DeltaDiscoveryRequest> {
        self.accept_except(delivery, &[])
    }

    /// Everything is in use except what is named here, for which the last good version stays.
    /// Returns the answer, a NACK if anything was refused. A server must not be made to believe in
    /// a version that is not in use, so refused versions are not reported when reconnecting.
    pub fn accept_except(
        &mut self,
        delivery: Delivery,
        refused: &[Refusal],
    ) -> Option<DeltaDiscoveryRequest> {
        let Delivery { kind, added, removed, nonce, stream } = delivery;
        let subscription = self.kinds.entry(kind).or_default();
        let bad: BTreeSet<&str> = refused.iter().map(|refusal| refusal.name.as_str()).collect();
        for resource in added {
            if !bad.contains(resource.name.as_str()) {
                subscription.hold(resource.name, resource.version);
            }
        }
        for name in removed {
            if !bad.contains(name.as_str()) {
                subscription.drop_held(&name);
            }
        }
        let error = if refused.is_empty() { None } else { Some(nack::compose(kind, refused)) };
        self.answer(kind, stream, nonce, error)
    }

    /// Nothing of the delivery is in use; what was held before stays. Returns the NACK.
    pub fn reject(&mut self, delivery: Delivery, reason: String) -> Option<DeltaDiscoveryRequest> {
        self.answer(delivery.kind, delivery.stream, delivery.nonce, Some(reason))
    }

    fn answer(
        &mut self,
        kind: ResourceType,
        stream: u64,
        nonce: String,
        error: Option<String>,
    ) -> Option<DeltaDiscoveryRequest> {
        if stream != self.stream {
            return None;
        }
        let mut request = self.request(kind, Vec::new(), Vec::new())?;
        request.response_nonce = nonce;
        request.error_detail = error.map(|message| Status { code: INTERNAL, message, details: Vec::new() });
        Some(request)
    }

    /// A request of this kind. The first one of a kind on a stream says all that the client wants
    /// and has; the first of all carries the node.
    fn request(
        &mut self,
        kind: ResourceType,
        subscribe: Vec<String>,
        unsubscribe: Vec<String>,
    ) -> Option<DeltaDiscoveryRequest> {
        if !self.connected {
            return None;
        }
        let mut request = DeltaDiscoveryRequest {
            type_url: kind.type_url().into(),
            resource_names_subscribe: subscribe,
            resource_names_unsubscribe: unsubscribe,
            ..DeltaDiscoveryRequest::default()
        };
        if let Some(opening) = self.kinds.entry(kind).or_default().open() {
            request.resource_names_subscribe = opening.names;
            request.resource_names_unsubscribe.clear();
            request.initial_resource_versions = opening.versions;
        }
        if !self.node_sent {
            self.node_sent = true;
            request.node = Some(self.node.clone());
        }
        Some(request)
    }
}

#[cfg(test)]
mod tests;
