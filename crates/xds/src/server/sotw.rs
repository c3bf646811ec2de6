//! State-of-the-world ADS (`DiscoveryRequest`, `DiscoveryResponse`) over a [`Stream`].
//!
//! A response of listeners or clusters holds all of them, and what it lacks is gone; of the other
//! kinds it holds what has changed, and nothing is ever said to be gone (Envoy docs, "Grouping
//! Resources into Responses", "Deleting Resources").

use std::collections::{BTreeMap, BTreeSet};

use crate::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use crate::resource::{ProxyResources, Resource, ResourceType};

use super::change::Style;
use super::stream::{Outgoing, Stream};
use super::subscription::{check, is_wildcard};
use super::{Event, Outcome, ProtocolError};

/// One state-of-the-world stream of one proxy. Its calls are those of
/// [`DeltaSession`](super::DeltaSession).
#[derive(Debug)]
pub struct SotwSession {
    stream: Stream,
    /// Kinds for which names were given: from then on an empty list means nothing, not everything.
    named: BTreeSet<ResourceType>,
}

impl Default for SotwSession {
    fn default() -> Self {
        Self::new()
    }
}

impl SotwSession {
    pub fn new() -> Self {
        let style =
            |kind: ResourceType| if kind.allows_wildcard() { Style::WholeSet } else { Style::ChangesOnly };
        Self { stream: Stream::new(style), named: BTreeSet::new() }
    }

    /// A request came: the whole list of names that the proxy wants, and perhaps an answer.
    pub fn on_request(
        &mut self,
        request: DiscoveryRequest,
        resources: &ProxyResources,
    ) -> Result<Outcome<DiscoveryResponse>, ProtocolError> {
        let Some(kind) = ResourceType::from_type_url(&request.type_url) else {
            let events = vec![Event::UnknownType { type_url: request.type_url }];
            return Ok(Outcome { events, responses: Vec::new() });
        };
        if !request.resource_locators.is_empty() {
            return Err(ProtocolError::Locator { kind });
        }
        check(kind, 0, request.resource_names.iter())?;

        let mut events = Vec::new();
        let state = self.stream.kind_mut(kind);
        // The first nonce on a stream is of an older stream, if there is one. Later the proxy
        // repeats the last one that it has answered with every new list of names.
        if state.opened() && !request.response_nonce.is_empty() {
            if state.is_unanswered(&request.response_nonce) {
                let error = request.error_detail.as_ref().map(|status| status.message.as_str());
                events.push(state.answer(&request.response_nonce, error));
            } else if !state.is_latest(&request.response_nonce) {
                // Sent before the proxy saw our last response. Its list counts nevertheless: a name
                // that is missing from it and comes back in the next one has to be sent again.
                events.push(Event::StaleNonce { kind, nonce: request.response_nonce.clone() });
            }
        }
        self.subscribe(kind, request, resources);
        Ok(Outcome { events, responses: self.flush(resources) })
    }

    /// The proxy should run this set now.
    pub fn on_resources(&mut self, resources: &ProxyResources) -> Vec<DiscoveryResponse> {
        self.stream.follow(resources);
        self.flush(resources)
    }

    /// As [`DeltaSession::is_waiting`](super::DeltaSession::is_waiting).
    pub fn is_waiting(&self) -> bool {
        self.stream.is_waiting()
    }

    /// As [`DeltaSession::stop_waiting`](super::DeltaSession::stop_waiting).
    pub fn stop_waiting(&mut self, resources: &ProxyResources) -> Vec<DiscoveryResponse> {
        self.stream.stop_waiting();
        self.flush(resources)
    }

    fn subscribe(&mut self, kind: ResourceType, request: DiscoveryRequest, resources: &ProxyResources) {
        let mut wanted: BTreeSet<String> = request.resource_names.into_iter().collect();
        if !wanted.is_empty() {
            self.named.insert(kind);
        } else if kind.allows_wildcard() && !self.named.contains(&kind) {
            wanted.insert(crate::WILDCARD.into());
        }
        let state = self.stream.kind_mut(kind);
        let first = !state.opened();
        if first {
            state.open(BTreeMap::new());
        }
        let subscription = state.subscription();
        let mut unwanted: Vec<String> =
            subscription.names.iter().filter(|name| !wanted.contains(*name)).cloned().collect();
        if subscription.wildcard && !wanted.contains(crate::WILDCARD) {
            unwanted.push(crate::WILDCARD.into());
        }
        let had_wildcard = subscription.wildcard;
        wanted.retain(|name| {
            if is_wildcard(kind, name) { !had_wildcard } else { !subscription.names.contains(name) }
        });
        unwanted.iter().for_each(|name| state.unsubscribe(name));
        wanted.iter().for_each(|name| state.subscribe(name, first, resources));
        if !first {
            return;
        }
        if state.subscription().wildcard {
            state.greet();
        }
        // The version that the proxy names is not believed: after refusing a part of a set Envoy
        // runs the rest, but still names the version before. Equal content costs it nothing.
        if !request.version_info.is_empty() {
            self.stream.resumes();
        }
        self.stream.kind_mut(kind).compare(resources);
    }

    fn flush(&mut self, resources: &ProxyResources) -> Vec<DiscoveryResponse> {
        let outgoing = self.stream.flush(resources);
        outgoing.into_iter().map(|outgoing| self.write(outgoing)).collect()
    }

    fn write(&self, outgoing: Outgoing) -> DiscoveryResponse {
        let Outgoing { kind, nonce, change } = outgoing;
        let state = self.stream.kind(kind);
        let body = |resource: &Resource| resource.body.clone();
        let resources = if kind.allows_wildcard() {
            state.sent().map(|resource| body(resource)).collect()
        } else {
            change.changed.iter().map(|resource| body(resource)).collect()
        };
        DiscoveryResponse {
            version_info: state.version(),
            resources,
            type_url: kind.type_url().into(),
            nonce,
            ..DiscoveryResponse::default()
        }
    }
}
