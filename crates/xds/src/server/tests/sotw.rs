//! The same rules in the older protocol, where it differs.

use prost::Message;

use super::fixture::{CDS, EDS, LDS, RDS, set, strings};
use crate::pb::envoy::config::cluster::v3::Cluster;
use crate::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use crate::pb::envoy::config::listener::v3::Listener;
use crate::pb::envoy::service::discovery::v3::{DiscoveryRequest, DiscoveryResponse};
use crate::pb::google::rpc::Status;
use crate::server::{Event, SotwSession};
use crate::{ProxyResources, ResourceType};

fn show(response: &DiscoveryResponse) -> String {
    let names = response.resources.iter().map(|any| match ResourceType::from_type_url(&any.type_url) {
        Some(ResourceType::Cluster) => Cluster::decode(any.value.as_slice()).unwrap().name,
        Some(ResourceType::Listener) => Listener::decode(any.value.as_slice()).unwrap().name,
        Some(ResourceType::Endpoint) => {
            ClusterLoadAssignment::decode(any.value.as_slice()).unwrap().cluster_name
        }
        other => panic!("{other:?} is not in these tests"),
    });
    let kind = ResourceType::from_type_url(&response.type_url).unwrap();
    format!("{kind}: {}", names.collect::<Vec<_>>().join(" "))
}

struct Talk {
    session: SotwSession,
    set: ProxyResources,
    last: Option<DiscoveryResponse>,
    events: Vec<Event>,
}

impl Talk {
    fn new(set: ProxyResources) -> Self {
        Self { session: SotwSession::new(), set, last: None, events: Vec::new() }
    }

    fn heard(&mut self, responses: Vec<DiscoveryResponse>) -> Vec<String> {
        let shown = responses.iter().map(show).collect();
        self.last = responses.into_iter().last().or(self.last.take());
        shown
    }

    fn say(&mut self, request: DiscoveryRequest) -> Vec<String> {
        let outcome = self.session.on_request(request, &self.set).unwrap();
        self.events.extend(outcome.events);
        self.heard(outcome.responses)
    }

    fn ask(&mut self, kind: ResourceType, names: &[&str]) -> Vec<String> {
        self.say(request(kind, names))
    }

    /// Answers the last response, with the list of names as it is now.
    fn answer(&mut self, names: &[&str], error: Option<&str>) -> Vec<String> {
        let last = self.last.clone().unwrap();
        let kind = ResourceType::from_type_url(&last.type_url).unwrap();
        let error = error.map(|message| Status { code: 13, message: message.into(), details: vec![] });
        self.say(DiscoveryRequest {
            version_info: last.version_info,
            response_nonce: last.nonce,
            error_detail: error,
            ..request(kind, names)
        })
    }

    fn push(&mut self, set: ProxyResources) -> Vec<String> {
        self.set = set;
        let responses = self.session.on_resources(&self.set);
        self.heard(responses)
    }
}

fn request(kind: ResourceType, names: &[&str]) -> DiscoveryRequest {
    DiscoveryRequest {
        type_url: kind.type_url().into(),
        resource_names: strings(names),
        ..Default::default()
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn a_changed_cluster_brings_all_clusters_and_changed_endpoints_come_alone() {
    let mut talk = Talk::new(set(&[(CDS, "a", 1), (CDS, "b", 1), (EDS, "a", 1), (EDS, "b", 1)]));
    assert_eq!(talk.ask(CDS, &[]), ["cluster: a b"]);
    assert_eq!(talk.answer(&[], None), NOTHING);
    assert_eq!(talk.ask(EDS, &["a", "b"]), ["endpoints: a b"]);
    assert_eq!(talk.answer(&["a", "b"], None), NOTHING);

    assert_eq!(
        talk.push(set(&[(CDS, "a", 1), (CDS, "b", 2), (EDS, "a", 1), (EDS, "b", 1)])),
        ["cluster: a b", "endpoints: b"],
        "b warms, and waits for its endpoints"
    );
}

#[test]
fn a_removed_cluster_stays_in_the_set_until_the_listeners_have_changed() {
    let mut talk = Talk::new(set(&[(CDS, "old", 1), (LDS, "l", 1)]));
    talk.ask(CDS, &[]);
    talk.answer(&[], None);
    talk.ask(LDS, &[]);
    talk.answer(&[], None);
    assert_eq!(talk.push(set(&[(CDS, "new", 1), (LDS, "l", 2)])), ["cluster: new old"]);
    assert_eq!(talk.answer(&[], None), ["listener: l"]);
    assert_eq!(talk.answer(&[], None), ["cluster: new"]);
    assert_eq!(talk.answer(&[], None), NOTHING);
}

#[test]
fn an_empty_list_means_everything_only_until_names_were_given() {
    let mut talk = Talk::new(set(&[(LDS, "a", 1), (LDS, "b", 1)]));
    assert_eq!(talk.ask(LDS, &[]), ["listener: a b"]);
    assert_eq!(talk.answer(&["b"], None), ["listener: b"]);
    assert_eq!(talk.answer(&[], None), NOTHING);
    assert_eq!(talk.push(set(&[(LDS, "a", 2), (LDS, "b", 2)])), NOTHING);
}

#[test]
fn a_list_that_crossed_a_response_on_the_wire_counts_without_being_an_answer() {
    let mut talk = Talk::new(set(&[(EDS, "a", 1), (EDS, "b", 1)]));
    talk.ask(EDS, &["a"]);
    let stale = DiscoveryRequest { response_nonce: "0".into(), ..request(EDS, &["b"]) };
    assert_eq!(talk.say(stale), NOTHING);
    assert_eq!(talk.events, [Event::StaleNonce { kind: EDS, nonce: "0".into() }]);
    assert_eq!(talk.answer(&["a", "b"], None), ["endpoints: a b"], "a was dropped in between");
}

#[test]
fn names_may_change_under_a_nonce_that_was_answered() {
    let mut talk = Talk::new(set(&[(EDS, "a", 1), (EDS, "b", 1)]));
    assert_eq!(talk.ask(EDS, &["a"]), ["endpoints: a"]);
    assert_eq!(talk.answer(&["a"], None), NOTHING);
    assert_eq!(talk.answer(&["a", "b"], None), ["endpoints: b"]);
    assert_eq!(talk.events.len(), 1, "one answer, and one new list");
}

#[test]
fn a_refused_set_is_not_sent_again_until_it_changes() {
    let mut talk = Talk::new(set(&[(CDS, "bad", 1), (CDS, "good", 1)]));
    talk.ask(CDS, &[]);
    assert_eq!(talk.answer(&[], Some("no")), NOTHING, "a part of the set would remove the rest");
    assert_eq!(talk.push(set(&[(CDS, "bad", 1), (CDS, "good", 1)])), NOTHING);
    assert_eq!(talk.push(set(&[(CDS, "bad", 2), (CDS, "good", 1)])), ["cluster: bad good"]);
}

#[test]
fn a_proxy_that_comes_back_is_sent_everything_whatever_version_it_names() {
    let all = set(&[(CDS, "a", 1), (CDS, "b", 1), (EDS, "a", 1)]);
    let mut talk = Talk::new(all.clone());
    talk.ask(CDS, &[]);
    let version = talk.last.clone().unwrap().version_info;

    let resumed = |kind, names: &[&str]| DiscoveryRequest {
        version_info: version.clone(),
        response_nonce: "of the old stream".into(),
        ..request(kind, names)
    };
    let mut talk = Talk::new(all);
    assert_eq!(talk.say(resumed(CDS, &[])), ["cluster: a b"]);
    assert_eq!(talk.say(resumed(EDS, &["a"])), ["endpoints: a"]);
    assert_eq!(talk.events, []);
}

#[test]
fn what_is_missing_is_not_answered_for_kinds_that_cannot_say_so() {
    let mut talk = Talk::new(set(&[]));
    assert_eq!(talk.ask(RDS, &["r"]), NOTHING);
    assert_eq!(talk.ask(CDS, &[]), ["cluster: "]);
}
