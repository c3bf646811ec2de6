//! A refusal is remembered, reported, and nobody else's problem.

use super::fixture::*;
use crate::server::Event;

const NOTHING: [&str; 0] = [];
const ENVOY: &str =
    "Error adding/updating listener(s) bad: error adding listener: no filter chains specified\n";

fn refused(talk: &Talk) -> Vec<Vec<String>> {
    let names = talk.events.iter().filter_map(|event| match event {
        Event::Nacked { names, .. } => Some(names.clone()),
        _ => None,
    });
    names.collect()
}

#[test]
fn a_refused_version_is_not_sent_again_until_it_changes() {
    let mut talk = Talk::new(set(&[(LDS, "bad", 1), (LDS, "good", 1)]));
    assert_eq!(talk.subscribe(LDS, &[]), ["LDS +bad +good"]);
    assert_eq!(talk.nack(LDS, ENVOY), NOTHING);
    assert_eq!(
        talk.events,
        [Event::Nacked { kind: LDS, nonce: "1".into(), names: vec!["bad".into()], reason: ENVOY.into() }]
    );
    assert_eq!(talk.push(set(&[(LDS, "bad", 1), (LDS, "good", 2)])), ["LDS +good"]);
    assert_eq!(talk.ack(LDS), NOTHING);
    assert_eq!(talk.push(set(&[(LDS, "bad", 2), (LDS, "good", 2)])), ["LDS +bad"]);
    assert_eq!(talk.ack(LDS), NOTHING);
}

#[test]
fn a_refusal_of_one_kind_leaves_the_others_alone() {
    let mut talk = Talk::new(set(&[(CDS, "bad", 1), (LDS, "l", 1), (EDS, "e", 1)]));
    assert_eq!(talk.subscribe(CDS, &[]), ["CDS +bad"]);
    assert_eq!(talk.subscribe(LDS, &[]), NOTHING, "the listeners wait for the clusters");
    assert_eq!(talk.subscribe(EDS, &["e"]), ["EDS +e"]);
    assert_eq!(talk.ack(EDS), NOTHING);
    assert_eq!(talk.nack(CDS, "Error adding/updating cluster(s) bad: no"), ["LDS +l"]);
}

#[test]
fn the_innocent_of_a_response_that_was_dropped_whole_get_through() {
    let names = ["a", "b", "c", "d", "e"];
    let all: Vec<_> = names.iter().map(|name| (EDS, *name, 1)).collect();
    let mut talk = Talk::new(set(&all));
    let mut arrived = Vec::new();
    let mut answers = talk.subscribe(EDS, &names);
    // This proxy drops every response that has "c" in it, and does not say why.
    while let Some(response) = answers.pop() {
        assert!(answers.is_empty(), "one at a time");
        if response.contains("+c") {
            answers = talk.nack(EDS, "proto constraint validation failed");
        } else {
            arrived.extend(response.split(" +").skip(1).map(str::to_string));
            answers = talk.ack(EDS);
        }
    }
    arrived.sort();
    assert_eq!(arrived, ["a", "b", "d", "e"]);
    assert_eq!(refused(&talk).last().unwrap(), &["c"], "the last report names the culprit alone");
    assert!(!talk.session.is_waiting());
    assert_eq!(talk.push(set(&all)), NOTHING);
}

#[test]
fn a_change_during_the_search_for_the_culprit_supersedes_it() {
    let mut talk = Talk::new(set(&[(RDS, "a", 1), (RDS, "b", 1)]));
    assert_eq!(talk.subscribe(RDS, &["a", "b"]), ["RDS +a +b"]);
    assert_eq!(talk.nack(RDS, "no"), ["RDS +a"]);
    assert_eq!(talk.push(set(&[(RDS, "a", 1), (RDS, "b", 2)])), NOTHING);
    assert_eq!(talk.ack(RDS), ["RDS +b"]);
    assert_eq!(talk.ack(RDS), NOTHING, "b went out once, in its new version");
}

#[test]
fn a_reason_is_cut_to_what_an_operator_can_read() {
    let mut talk = Talk::new(set(&[(LDS, "bad", 1)]));
    talk.subscribe(LDS, &[]);
    talk.nack(LDS, &"ä".repeat(1_000_000));
    let Some(Event::Nacked { reason, .. }) = talk.events.last() else { panic!("no NACK reported") };
    assert_eq!(reason.len(), 4096);
}
