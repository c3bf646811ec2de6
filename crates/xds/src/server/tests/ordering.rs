//! Make before break.

use super::fixture::*;

const NOTHING: [&str; 0] = [];

/// A proxy that runs cluster `old` behind route `r` and listener `l`.
fn running() -> Talk {
    let mut talk = Talk::new(set(&[(CDS, "old", 1), (EDS, "old", 1), (LDS, "l", 1), (RDS, "r", 1)]));
    talk.subscribe(CDS, &[]);
    talk.subscribe(EDS, &["old"]);
    talk.settle();
    talk.subscribe(LDS, &[]);
    talk.subscribe(RDS, &["r"]);
    talk.settle();
    assert!(!talk.session.is_waiting());
    talk
}

#[test]
fn a_route_moves_to_a_new_cluster_only_when_that_is_ready_and_the_old_one_goes_last() {
    let mut talk = running();
    let moved = set(&[(CDS, "new", 1), (EDS, "new", 1), (LDS, "l", 2), (RDS, "r", 2)]);
    assert_eq!(talk.push(moved), ["CDS +new"]);
    // Envoy asks for the endpoints, and answers for the cluster once it is warm.
    assert_eq!(talk.subscribe(EDS, &["new"]), ["EDS +new"]);
    assert_eq!(talk.ack(EDS), NOTHING);
    assert_eq!(talk.ack(CDS), ["LDS +l", "RDS +r"]);
    assert_eq!(talk.ack(LDS), NOTHING);
    assert_eq!(talk.ack(RDS), ["CDS -old"]);
    assert_eq!(talk.ack(CDS), ["EDS -old"]);
    assert_eq!(talk.settle(), NOTHING);
}

#[test]
fn a_listener_goes_before_its_route_and_the_route_before_its_cluster() {
    let mut talk = running();
    assert_eq!(talk.push(set(&[])), ["LDS -l"]);
    assert_eq!(talk.ack(LDS), ["RDS -r"]);
    assert_eq!(talk.ack(RDS), ["CDS -old"]);
    assert_eq!(talk.unsubscribe(EDS, &["old"]), NOTHING);
    assert_eq!(talk.ack(CDS), NOTHING, "no longer asked for, so nothing to take back");
}

#[test]
fn a_changed_cluster_is_followed_by_its_endpoints_even_if_they_are_the_same() {
    let mut talk = running();
    let changed = set(&[(CDS, "old", 2), (EDS, "old", 1), (LDS, "l", 1), (RDS, "r", 1)]);
    assert_eq!(talk.push(changed.clone()), ["CDS +old", "EDS +old"]);
    assert_eq!(talk.settle(), NOTHING);
    assert_eq!(talk.push(changed), NOTHING);
}

#[test]
fn endpoints_under_way_before_a_cluster_changed_are_sent_once_more_after_it() {
    let mut talk = running();
    assert_eq!(
        talk.push(set(&[(CDS, "old", 1), (EDS, "old", 2), (LDS, "l", 1), (RDS, "r", 1)])),
        ["EDS +old"]
    );
    assert_eq!(
        talk.push(set(&[(CDS, "old", 2), (EDS, "old", 2), (LDS, "l", 1), (RDS, "r", 1)])),
        ["CDS +old"]
    );
    assert_eq!(talk.ack(EDS), ["EDS +old"]);
    assert_eq!(talk.settle(), NOTHING);
}

#[test]
fn after_a_reconnect_a_changed_cluster_gets_endpoints_that_were_asked_for_before_it_was_seen() {
    let before = set(&[(CDS, "old", 1), (EDS, "old", 1)]);
    let mut talk = Talk::new(set(&[(CDS, "old", 2), (EDS, "old", 1)]));
    assert_eq!(talk.resume(CDS, &[], &before), ["CDS +old"]);
    assert_eq!(talk.resume(EDS, &["old"], &before), ["EDS +old"], "known, but the cluster waits for it");
}

#[test]
fn a_cluster_that_never_warms_holds_back_its_correction_only_as_long_as_patience_lasts() {
    let mut talk = running();
    let stuck = set(&[(CDS, "old", 1), (CDS, "stuck", 1), (EDS, "old", 1), (LDS, "l", 2), (RDS, "r", 1)]);
    assert_eq!(talk.push(stuck), ["CDS +stuck"]);
    assert!(talk.session.is_waiting(), "the listener is held back");
    let mended = set(&[(CDS, "old", 1), (CDS, "stuck", 2), (EDS, "old", 1), (LDS, "l", 2), (RDS, "r", 1)]);
    assert_eq!(talk.push(mended), NOTHING);
    assert_eq!(talk.out_of_patience(), ["CDS +stuck"]);
    assert_eq!(talk.ack(CDS), ["LDS +l"]);
    assert_eq!(talk.settle(), NOTHING);
}

#[test]
fn an_answer_after_patience_ended_is_still_understood() {
    let mut talk = running();
    let slow = set(&[(CDS, "old", 1), (CDS, "slow", 1), (EDS, "old", 1), (LDS, "l", 2), (RDS, "r", 1)]);
    assert_eq!(talk.push(slow), ["CDS +slow"]);
    assert_eq!(talk.out_of_patience(), ["LDS +l"]);
    talk.events.clear();
    assert_eq!(talk.nack(CDS, "Error adding/updating cluster(s) slow: no"), NOTHING);
    assert!(matches!(&talk.events[..], [crate::server::Event::Nacked { kind: CDS, .. }]));
}

#[test]
fn secrets_never_wait() {
    let mut talk = Talk::new(set(&[(CDS, "a", 1), (SDS, "default", 1)]));
    assert_eq!(talk.subscribe(CDS, &[]), ["CDS +a"]);
    assert_eq!(talk.subscribe(SDS, &["default"]), ["SDS +default"]);
    assert_eq!(talk.ack(SDS), NOTHING);
    assert_eq!(talk.push(set(&[(CDS, "a", 1), (SDS, "default", 2)])), ["SDS +default"]);
}
