//! A control plane, a proxy, and a wire between them that can be cut and on which messages wait
//! until they are let through.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use carrick_xds::client::{Client, Delivery};
use carrick_xds::nack::Refusal;
use carrick_xds::pb::envoy::config::core::v3::Node;
use carrick_xds::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DeltaDiscoveryResponse};
use carrick_xds::server::{DeltaSession, Event};
use carrick_xds::{ProxyResources, ResourceType, WILDCARD};

use crate::snapshots::is_poison;

/// How a proxy refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It applies the rest and names the culprit, as Envoy does for clusters and listeners.
    ByName,
    /// It drops the whole response and does not say why.
    Whole,
}

pub struct Conversation {
    set: ProxyResources,
    session: Option<DeltaSession>,
    client: Client,
    manner: Manner,
    to_server: VecDeque<DeltaDiscoveryRequest>,
    to_client: VecDeque<DeltaDiscoveryResponse>,
    nonces: BTreeSet<String>,
    /// Responses written and not answered, by kind; only kept while the session waits for answers.
    unanswered: BTreeMap<ResourceType, usize>,
    orderly: bool,
    wanted: BTreeMap<ResourceType, BTreeSet<String>>,
    /// What the proxy runs.
    pub running: BTreeMap<(ResourceType, String), String>,
    /// Everything that the server wrote since this was last cleared: kind, name, version.
    pub written: Vec<(ResourceType, String, String)>,
    pub events: Vec<Event>,
}

impl Conversation {
    pub fn new(manner: Manner) -> Self {
        Self {
            set: ProxyResources::default(),
            session: None,
            client: Client::new(Node { id: "node".into(), ..Node::default() }),
            manner,
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            nonces: BTreeSet::new(),
            unanswered: BTreeMap::new(),
            orderly: true,
            wanted: BTreeMap::new(),
            running: BTreeMap::new(),
            written: Vec::new(),
            events: Vec::new(),
        }
    }

    pub fn set(&self) -> &ProxyResources {
        &self.set
    }

    pub fn wants(&self, kind: ResourceType, name: &str) -> bool {
        self.wanted.get(&kind).is_some_and(|names| names.contains(name) || names.contains(WILDCARD))
    }

    pub fn push(&mut self, set: ProxyResources) {
        self.set = set;
        if let Some(session) = &mut self.session {
            let responses = session.on_resources(&self.set);
            self.write(responses);
        }
    }

    pub fn connect(&mut self) {
        if self.session.is_none() {
            self.session = Some(DeltaSession::new());
            self.nonces.clear();
            self.unanswered.clear();
            self.orderly = true;
            self.to_server.extend(self.client.connected());
        }
    }

    pub fn disconnect(&mut self) {
        self.session = None;
        self.client.disconnected();
        self.to_server.clear();
        self.to_client.clear();
    }

    pub fn subscribe(&mut self, kind: ResourceType, name: &str) {
        self.wanted.entry(kind).or_default().insert(name.into());
        self.to_server.extend(self.client.subscribe(kind, [name]));
    }

    pub fn unsubscribe(&mut self, kind: ResourceType, name: &str) {
        self.wanted.entry(kind).or_default().remove(name);
        let wanted = self.wanted[&kind].clone();
        self.running.retain(|(k, name), _| *k != kind || wanted.contains(name) || wanted.contains(WILDCARD));
        self.to_server.extend(self.client.unsubscribe(kind, [name]));
    }

    pub fn out_of_patience(&mut self) {
        if let Some(session) = &mut self.session {
            self.orderly = false;
            let responses = session.stop_waiting(&self.set);
            self.write(responses);
        }
    }

    /// One request reaches the server. Returns whether there was one.
    pub fn server_hears(&mut self) -> bool {
        let Some(session) = &mut self.session else { return false };
        let Some(request) = self.to_server.pop_front() else { return false };
        let outcome = session.on_request(request, &self.set).expect("our own client keeps to the protocol");
        for event in &outcome.events {
            match event {
                Event::Acked { kind, .. } | Event::Nacked { kind, .. } => {
                    self.unanswered.remove(kind);
                }
                Event::StaleNonce { .. } | Event::UnknownType { .. } => {
                    assert!(!self.orderly, "our own client was not understood: {event:?}");
                }
            }
        }
        self.events.extend(outcome.events);
        self.write(outcome.responses);
        true
    }

    /// One response reaches the proxy. Returns whether there was one.
    pub fn client_hears(&mut self) -> bool {
        let Some(response) = self.to_client.pop_front() else { return false };
        let delivery = self.client.on_response(response).expect("our own server keeps to the protocol");
        let answer = self.apply(delivery);
        self.to_server.extend(answer);
        true
    }

    /// Lets everything through until nothing more is said, without or with patience.
    pub fn settle(&mut self) {
        self.connect();
        for step in 0.. {
            assert!(step < 10_000, "the conversation never ends");
            if self.client_hears() || self.server_hears() {
                continue;
            }
            if !self.session.as_ref().is_some_and(DeltaSession::is_waiting) {
                break;
            }
            self.out_of_patience();
        }
    }

    fn apply(&mut self, delivery: Delivery) -> Option<DeltaDiscoveryRequest> {
        let kind = delivery.kind;
        let bad = delivery.added.iter().filter(|added| is_poison(kind, &added.name, &added.version));
        let refused: Vec<Refusal> = bad.map(|added| Refusal::new(&added.name, "poison")).collect();
        if !refused.is_empty() && self.manner == Manner::Whole {
            return self.client.reject(delivery, "something in there is poison".into());
        }
        for added in &delivery.added {
            if !refused.iter().any(|refusal| refusal.name == added.name) {
                self.running.insert((kind, added.name.clone()), added.version.clone());
            }
        }
        for name in &delivery.removed {
            self.running.remove(&(kind, name.clone()));
        }
        self.client.accept_except(delivery, &refused)
    }

    /// Checks what holds for every response, whenever it is written.
    fn write(&mut self, responses: Vec<DeltaDiscoveryResponse>) {
        for response in responses {
            let kind = ResourceType::from_type_url(&response.type_url).expect("a known kind");
            assert!(self.nonces.insert(response.nonce.clone()), "nonce {} was used twice", response.nonce);
            let unanswered = self.unanswered.entry(kind).or_default();
            *unanswered += 1;
            assert!(*unanswered == 1 || !self.orderly, "two unanswered responses of one kind");
            let consumer = matches!(kind, ResourceType::Listener | ResourceType::Route);
            if consumer && self.orderly && !response.resources.is_empty() {
                assert!(!self.unanswered.contains_key(&ResourceType::Cluster), "{kind} before its clusters");
                assert!(
                    !self.unanswered.contains_key(&ResourceType::Endpoint),
                    "{kind} before its endpoints"
                );
            }
            for resource in &response.resources {
                self.written.push((kind, resource.name.clone(), resource.version.clone()));
            }
            self.to_client.push_back(response);
        }
    }
}
