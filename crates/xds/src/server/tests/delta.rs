//! Subscriptions, reconnecting, and what is not believed.

use super::fixture::*;
use crate::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, ResourceLocator};
use crate::server::{DeltaSession, Event, MAX_NAME_BYTES, MAX_NAMES, ProtocolError};
use crate::{ProxyResources, ResourceType};

const NOTHING: [&str; 0] = [];

#[test]
fn a_first_request_without_names_asks_for_all_clusters() {
    let mut talk = Talk::new(set(&[(CDS, "a", 1), (CDS, "b", 1)]));
    assert_eq!(talk.subscribe(CDS, &[]), ["CDS +a +b"]);
    assert_eq!(talk.ack(CDS), NOTHING);
    assert_eq!(talk.push(set(&[(CDS, "a", 1), (CDS, "b", 2), (CDS, "c", 1)])), ["CDS +b +c"]);
}

#[test]
fn a_first_request_without_names_asks_for_no_endpoints() {
    let mut talk = Talk::new(set(&[(EDS, "a", 1)]));
    assert_eq!(talk.subscribe(EDS, &[]), NOTHING);
    assert_eq!(talk.subscribe(EDS, &["a"]), ["EDS +a"]);
}

#[test]
fn a_wildcard_subscription_is_answered_even_if_there_is_nothing() {
    let mut talk = Talk::new(ProxyResources::default());
    assert_eq!(talk.subscribe(CDS, &["*"]), ["CDS"]);
    assert_eq!(talk.ack(CDS), NOTHING);
    assert_eq!(talk.push(ProxyResources::default()), NOTHING);
}

#[test]
fn an_empty_request_after_a_named_one_is_not_a_wildcard() {
    let mut talk = Talk::new(set(&[(CDS, "a", 1), (CDS, "b", 1)]));
    assert_eq!(talk.subscribe(CDS, &["a"]), ["CDS +a"]);
    assert_eq!(talk.ack(CDS), NOTHING);
    assert_eq!(talk.unsubscribe(CDS, &["a"]), NOTHING);
    assert_eq!(talk.subscribe(CDS, &[]), NOTHING);
}

#[test]
fn a_wildcard_goes_on_beside_names_until_it_is_taken_back() {
    let mut talk = Talk::new(set(&[(LDS, "a", 1), (LDS, "b", 1)]));
    assert_eq!(talk.subscribe(LDS, &[]), ["LDS +a +b"]);
    assert_eq!(talk.ack(LDS), NOTHING);
    assert_eq!(talk.subscribe(LDS, &["a"]), ["LDS +a"], "asked for by name, so it is sent again");
    assert_eq!(talk.ack(LDS), NOTHING);
    assert_eq!(talk.unsubscribe(LDS, &["*"]), NOTHING);
    assert_eq!(talk.push(set(&[(LDS, "a", 2), (LDS, "b", 2)])), ["LDS +a"]);
}

#[test]
fn a_name_taken_back_under_a_wildcard_is_answered_with_what_there_is() {
    let mut talk = Talk::new(set(&[(CDS, "a", 1)]));
    assert_eq!(talk.subscribe(CDS, &["*", "a", "x"]), ["CDS +a -x"]);
    assert_eq!(talk.ack(CDS), NOTHING);
    assert_eq!(talk.unsubscribe(CDS, &["a", "x"]), ["CDS +a -x"]);
    assert_eq!(talk.ack(CDS), NOTHING);
    assert_eq!(talk.unsubscribe(CDS, &["a"]), NOTHING, "it was not subscribed by name any more");
}

#[test]
fn a_name_that_does_not_exist_yet_is_told_missing_once_and_sent_when_it_appears() {
    let mut talk = Talk::new(ProxyResources::default());
    assert_eq!(talk.subscribe(EDS, &["a"]), ["EDS -a"]);
    assert_eq!(talk.ack(EDS), NOTHING);
    assert_eq!(talk.push(set(&[(EDS, "b", 1)])), NOTHING);
    assert_eq!(talk.push(set(&[(EDS, "a", 1), (EDS, "b", 1)])), ["EDS +a"]);
    assert_eq!(talk.ack(EDS), NOTHING);
    assert_eq!(talk.push(set(&[(EDS, "b", 1)])), ["EDS -a"]);
}

#[test]
fn a_name_asked_for_again_is_sent_again() {
    let mut talk = Talk::new(set(&[(SDS, "default", 1), (SDS, "ROOTCA", 1)]));
    assert_eq!(talk.subscribe(SDS, &["default", "ROOTCA"]), ["SDS +ROOTCA +default"]);
    assert_eq!(talk.ack(SDS), NOTHING);
    assert_eq!(talk.subscribe(SDS, &["default"]), ["SDS +default"]);
    assert_eq!(talk.ack(SDS), NOTHING);
    assert_eq!(talk.unsubscribe(SDS, &["default"]), NOTHING);
    assert_eq!(talk.push(set(&[(SDS, "default", 2), (SDS, "ROOTCA", 1)])), NOTHING);
    assert_eq!(talk.subscribe(SDS, &["default"]), ["SDS +default"]);
}

#[test]
fn after_a_reconnect_only_the_difference_is_sent() {
    let before = set(&[(CDS, "same", 1), (CDS, "changed", 1), (CDS, "gone", 1), (LDS, "l", 1)]);
    let mut talk = Talk::new(set(&[(CDS, "same", 1), (CDS, "changed", 2), (CDS, "new", 1), (LDS, "l", 1)]));
    assert_eq!(talk.resume(CDS, &["*"], &before), ["CDS +changed +new"]);
    assert_eq!(talk.resume(LDS, &["*"], &before), NOTHING);
    assert_eq!(
        talk.ack(CDS),
        NOTHING,
        "a route may still use what is gone, and routes were not asked about yet"
    );
    assert_eq!(talk.resume(RDS, &[], &before), ["CDS -gone"]);
}

#[test]
fn after_a_reconnect_a_proxy_without_routes_loses_its_stale_clusters_when_patience_ends() {
    let mut talk = Talk::new(set(&[(CDS, "same", 1)]));
    assert_eq!(talk.resume(CDS, &[], &set(&[(CDS, "same", 1), (CDS, "gone", 1)])), NOTHING);
    assert!(talk.session.is_waiting());
    assert_eq!(talk.out_of_patience(), ["CDS -gone"]);
    assert!(!talk.session.is_waiting());
}

#[test]
fn after_a_reconnect_names_with_a_known_version_are_not_sent_and_unwanted_claims_are_forgotten() {
    let before = set(&[(EDS, "a", 1), (EDS, "b", 1), (EDS, "unwanted", 1)]);
    let mut talk = Talk::new(set(&[(EDS, "a", 1), (EDS, "b", 2)]));
    assert_eq!(talk.resume(EDS, &["a", "b"], &before), ["EDS +b"]);
    assert_eq!(talk.settle(), NOTHING);
}

#[test]
fn an_answer_to_an_unknown_nonce_changes_nothing_but_its_subscription_counts() {
    let mut talk = Talk::new(set(&[(EDS, "a", 1), (EDS, "b", 1)]));
    assert_eq!(talk.subscribe(EDS, &["a"]), ["EDS +a"]);
    let stale = DeltaDiscoveryRequest { response_nonce: "77".into(), ..request(EDS) };
    assert_eq!(talk.say(stale), NOTHING);
    assert_eq!(talk.events, [Event::StaleNonce { kind: EDS, nonce: "77".into() }]);

    let nonce = talk.unanswered.remove(&EDS).unwrap();
    let ack = DeltaDiscoveryRequest {
        response_nonce: nonce.clone(),
        resource_names_subscribe: strings(&["b"]),
        ..request(EDS)
    };
    assert_eq!(talk.say(ack.clone()), ["EDS +b"]);
    assert!(matches!(&talk.events[1], Event::Acked { kind: EDS, nonce: acked, .. } if *acked == nonce));
    assert_eq!(talk.say(ack), NOTHING, "b is under way; the repeated answer is stale");
    assert_eq!(talk.ack(EDS), ["EDS +b"], "but the repeated subscription is answered");
}

#[test]
fn pushes_during_an_unanswered_response_become_one() {
    let mut talk = Talk::new(set(&[(CDS, "a", 1)]));
    assert_eq!(talk.subscribe(CDS, &[]), ["CDS +a"]);
    for content in 2..9 {
        assert_eq!(talk.push(set(&[(CDS, "a", content), (CDS, "b", content)])), NOTHING);
    }
    assert_eq!(talk.ack(CDS), ["CDS +a +b"]);
    assert_eq!(talk.push(set(&[(CDS, "a", 1), (CDS, "b", 8)])), NOTHING);
    assert_eq!(talk.push(set(&[(CDS, "a", 8), (CDS, "b", 8)])), NOTHING);
    assert_eq!(talk.ack(CDS), NOTHING, "back where it was");
}

#[test]
fn the_responses_carry_name_version_type_and_a_new_nonce_each() {
    let resources = set(&[(CDS, "a", 1), (EDS, "a", 1)]);
    let mut session = DeltaSession::new();
    let cds = session.on_request(request(CDS), &resources).unwrap().responses.remove(0);
    let eds = DeltaDiscoveryRequest { resource_names_subscribe: strings(&["a"]), ..request(EDS) };
    let eds = session.on_request(eds, &resources).unwrap().responses.remove(0);
    assert_ne!(cds.nonce, eds.nonce);
    assert_eq!(cds.type_url, CDS.type_url());
    assert_eq!(cds.resources[0].version, version(&resources, CDS, "a"));
    assert_eq!(cds.resources[0].resource.as_ref(), resources.get(CDS, "a").map(|a| &a.body));
    assert!(!cds.system_version_info.is_empty());
}

#[test]
fn an_unknown_kind_is_never_answered() {
    let url = "type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration";
    let mut talk = Talk::new(set(&[(CDS, "a", 1)]));
    let unknown = DeltaDiscoveryRequest { type_url: url.into(), ..DeltaDiscoveryRequest::default() };
    assert_eq!(talk.say(unknown), NOTHING);
    assert_eq!(talk.events, [Event::UnknownType { type_url: url.into() }]);
    assert_eq!(talk.subscribe(CDS, &[]), ["CDS +a"]);
}

#[test]
fn requests_that_no_honest_proxy_writes_end_the_stream_and_change_nothing() {
    let ask = |names: Vec<String>| DeltaDiscoveryRequest { resource_names_subscribe: names, ..request(EDS) };
    let locator = DeltaDiscoveryRequest {
        resource_locators_subscribe: vec![ResourceLocator { name: "a".into(), ..Default::default() }],
        ..request(EDS)
    };
    let kind = ResourceType::Endpoint;
    for (bad, error) in [
        (
            ask(vec!["x".repeat(MAX_NAME_BYTES + 1)]),
            ProtocolError::NameTooLong { kind, bytes: MAX_NAME_BYTES + 1 },
        ),
        (ask(vec![String::new()]), ProtocolError::EmptyName { kind }),
        (ask((0..=MAX_NAMES).map(|n| n.to_string()).collect()), ProtocolError::TooManyNames { kind }),
        (locator, ProtocolError::Locator { kind }),
    ] {
        let mut session = DeltaSession::new();
        assert_eq!(session.on_request(bad, &ProxyResources::default()).unwrap_err(), error);
        assert!(session.on_resources(&set(&[(EDS, "a", 1)])).is_empty());
    }
}
