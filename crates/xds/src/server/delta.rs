//! Delta ADS (`DeltaDiscoveryRequest`, `DeltaDiscoveryResponse`) over a [`Stream`].

use crate::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse, Resource};
use crate::resource::{ProxyResources, ResourceType};

use super::change::Style;
use super::stream::{Outgoing, Stream};
use super::subscription::check;
use super::{Event, Outcome, ProtocolError};

/// One delta stream of one proxy.
///
/// Every call is given the set of resources that the proxy should run now: call
/// [`on_resources`](Self::on_resources) whenever it has changed, and pass the same set to
/// [`on_request`](Self::on_request).
#[derive(Debug)]
pub struct DeltaSession {
    stream: Stream,
}

impl Default for DeltaSession {
    fn default() -> Self {
        Self::new()
    }
}

impl DeltaSession {
    pub fn new() -> Self {
        Self { stream: Stream::new(|_| Style::Delta) }
    }

    /// A request came: a subscription, an answer, or both in one.
    pub fn on_request(
        &mut self,
        request: DeltaDiscoveryRequest,
        resources: &ProxyResources,
    ) -> Result<Outcome<DeltaDiscoveryResponse>, ProtocolError> {
        let Some(kind) = ResourceType::from_type_url(&request.type_url) else {
            let events = vec![Event::UnknownType { type_url: request.type_url }];
            return Ok(Outcome { events, responses: Vec::new() });
        };
        self.check(kind, &request)?;

        let mut events = Vec::new();
        if !request.response_nonce.is_empty() || request.error_detail.is_some() {
            let error = request.error_detail.as_ref().map(|status| status.message.as_str());
            events.push(self.stream.kind_mut(kind).answer(&request.response_nonce, error));
        }
        self.subscribe(kind, request, resources);
        Ok(Outcome { events, responses: self.flush(resources) })
    }

    /// The proxy should run this set now.
    pub fn on_resources(&mut self, resources: &ProxyResources) -> Vec<DeltaDiscoveryResponse> {
        self.stream.follow(resources);
        self.flush(resources)
    }

    /// Whether something is held back by an unanswered response. If that lasts for
    /// [`PATIENCE`](super::PATIENCE), call [`stop_waiting`](Self::stop_waiting).
    pub fn is_waiting(&self) -> bool {
        self.stream.is_waiting()
    }

    /// Goes on without the missing answers: order is given up, so that a proxy that waits for a
    /// correction gets it.
    pub fn stop_waiting(&mut self, resources: &ProxyResources) -> Vec<DeltaDiscoveryResponse> {
        self.stream.stop_waiting();
        self.flush(resources)
    }

    fn check(&self, kind: ResourceType, request: &DeltaDiscoveryRequest) -> Result<(), ProtocolError> {
        if !request.resource_locators_subscribe.is_empty()
            || !request.resource_locators_unsubscribe.is_empty()
        {
            return Err(ProtocolError::Locator { kind });
        }
        let already = self.stream.kind(kind).subscription().names.len();
        check(kind, already, request.resource_names_subscribe.iter())?;
        check(kind, 0, request.initial_resource_versions.keys())
    }

    fn subscribe(&mut self, kind: ResourceType, request: DeltaDiscoveryRequest, resources: &ProxyResources) {
        let (wanted, unwanted) = (request.resource_names_subscribe, request.resource_names_unsubscribe);
        let first = !self.stream.kind(kind).opened();
        if first {
            // What a proxy claims is believed. Envoy runs the good part of a response that it
            // refused, but claims the versions before; if exactly those are wanted again by the
            // time it reconnects, it keeps that part until it changes.
            let fresh = request.initial_resource_versions.is_empty();
            if !fresh {
                self.stream.resumes();
            }
            let state = self.stream.kind_mut(kind);
            state.open(request.initial_resource_versions);
            // Without names, the first request for listeners or clusters means all of them.
            if kind.allows_wildcard() && wanted.is_empty() && unwanted.is_empty() {
                state.subscribe(crate::WILDCARD, true, resources);
            }
        }
        let state = self.stream.kind_mut(kind);
        // In this order a name in both lists ends up subscribed.
        unwanted.iter().for_each(|name| state.unsubscribe(name));
        wanted.iter().for_each(|name| state.subscribe(name, first, resources));
        if first {
            if state.subscription().wildcard && state.claims_nothing() {
                state.greet();
            }
            state.forget_unwanted();
            state.compare(resources);
        }
    }

    fn flush(&mut self, resources: &ProxyResources) -> Vec<DeltaDiscoveryResponse> {
        let outgoing = self.stream.flush(resources);
        outgoing.into_iter().map(|outgoing| self.write(outgoing)).collect()
    }

    fn write(&self, outgoing: Outgoing) -> DeltaDiscoveryResponse {
        let Outgoing { kind, nonce, change } = outgoing;
        let resources = change.changed.iter().map(|resource| Resource {
            name: resource.name.clone(),
            version: resource.version.clone(),
            resource: Some(resource.body.clone()),
            ..Resource::default()
        });
        DeltaDiscoveryResponse {
            system_version_info: self.stream.kind(kind).version(),
            resources: resources.collect(),
            type_url: kind.type_url().into(),
            removed_resources: change.removed,
            nonce,
            ..DeltaDiscoveryResponse::default()
        }
    }
}
