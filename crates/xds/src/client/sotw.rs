//! The client's side of a state-of-the-world stream of one kind, such as `StreamSecrets`, without
//! sockets or time.
//!
//! Every request names all resources that are wanted, and is the answer to the last response too.
//! It must not know what a resource means, nor keep its content.
//!
//! Rules: Envoy docs, "xDS REST and gRPC protocol", "Basic Protocol Overview" and "ACK/NACK and
//! versioning".

use std::collections::BTreeSet;

use crate::pb::envoy::config::core::v3::Node;
use crate::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use crate::pb::google::rpc::Status;
use crate::resource::ResourceType;

use super::INTERNAL;

/// What is wanted of one kind and which version is in use, over any number of streams.
#[derive(Debug)]
pub struct SotwClient {
    node: Node,
    kind: ResourceType,
    names: BTreeSet<String>,
    /// The version of the last response of this stream that was taken.
    version: String,
    /// Of the last response of this stream, taken or not.
    nonce: String,
    /// Counts streams, so that an answer to a response of a dead stream is not sent on the next
    /// one.
    stream: u64,
    connected: bool,
}

/// The content of one response. Hand it back to [`SotwClient::accept`] or [`SotwClient::reject`]:
/// every response is answered.
#[derive(Debug, PartialEq)]
pub struct SotwDelivery {
    /// Resources as they came, not yet decoded. Of kinds other than listeners and clusters a
    /// response may leave out what has not changed (Envoy docs, "Grouping Resources into
    /// Responses").
    pub bodies: Vec<prost_types::Any>,
    version: String,
    stream: u64,
}

/// A response that breaks the protocol. Nothing of it is to be used.
#[derive(Debug, thiserror::Error)]
#[error("bad xDS response: {reason}")]
pub struct BadSotwResponse {
    pub reason: String,
    /// The NACK to send.
    pub nack: Option<Box<DiscoveryRequest>>,
}

impl SotwClient {
    pub fn new(node: Node, kind: ResourceType) -> Self {
        Self {
            node,
            kind,
            names: BTreeSet::new(),
            version: String::new(),
            nonce: String::new(),
            stream: 0,
            connected: false,
        }
    }

    /// A new stream is up: the first request to send on it. It names no version, so that the server
    /// sends everything: what was wanted when the last version came may have been less.
    pub fn connected(&mut self) -> DiscoveryRequest {
        self.stream += 1;
        self.connected = true;
        self.version.clear();
        self.nonce.clear();
        DiscoveryRequest { node: Some(self.node.clone()), ..self.request() }
    }

    /// The stream is gone. Until [`connected`](Self::connected) only bookkeeping is done.
    pub fn disconnected(&mut self) {
        self.connected = false;
    }

    /// From now on these are all the names that are wanted. Nothing is to be sent if they were
    /// before, or there is no stream.
    pub fn want(&mut self, names: BTreeSet<String>) -> Option<DiscoveryRequest> {
        if self.names == names {
            return None;
        }
        self.names = names;
        self.connected.then(|| self.request())
    }

    /// Checks a response. One of another kind, or with resources of another kind, is an error, with
    /// the NACK to send.
    pub fn on_response(&mut self, response: DiscoveryResponse) -> Result<SotwDelivery, BadSotwResponse> {
        self.nonce = response.nonce;
        let expected = self.kind.type_url();
        let urls =
            std::iter::once(&response.type_url).chain(response.resources.iter().map(|any| &any.type_url));
        if let Some(other) = urls.into_iter().find(|url| *url != expected) {
            let reason = format!("a response of {}s has the type URL {other:?}", self.kind);
            let nack = self.answer(self.stream, Some(reason.clone())).map(Box::new);
            return Err(BadSotwResponse { reason, nack });
        }
        Ok(SotwDelivery { bodies: response.resources, version: response.version_info, stream: self.stream })
    }

    /// Everything in the delivery is in use now. Returns the ACK; none is due when its stream is
    /// gone.
    pub fn accept(&mut self, delivery: SotwDelivery) -> Option<DiscoveryRequest> {
        if delivery.stream == self.stream {
            self.version = delivery.version;
        }
        self.answer(delivery.stream, None)
    }

    /// The delivery, or a part of it, is not in use. Returns the NACK, which names the version
    /// before.
    pub fn reject(&mut self, delivery: SotwDelivery, reason: String) -> Option<DiscoveryRequest> {
        self.answer(delivery.stream, Some(reason))
    }

    fn answer(&self, stream: u64, error: Option<String>) -> Option<DiscoveryRequest> {
        if stream != self.stream || !self.connected {
            return None;
        }
        let error_detail = error.map(|message| Status { code: INTERNAL, message, details: Vec::new() });
        Some(DiscoveryRequest { error_detail, ..self.request() })
    }

    fn request(&self) -> DiscoveryRequest {
        DiscoveryRequest {
            version_info: self.version.clone(),
            resource_names: self.names.iter().cloned().collect(),
            type_url: self.kind.type_url().into(),
            response_nonce: self.nonce.clone(),
            ..DiscoveryRequest::default()
        }
    }
}

#[cfg(test)]
mod tests;
