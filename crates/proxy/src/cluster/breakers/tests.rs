use std::sync::Arc;

use carrick_policy::config::cluster::{Limits, RetryLimit};

use super::Breakers;

fn breakers(connections: u32, pending: u32, retries: RetryLimit) -> Arc<Breakers> {
    Arc::new(Breakers::new(Limits { connections, pending, requests: 1, retries }))
}

#[test]
fn what_is_given_back_can_be_taken_again() {
    let breakers = breakers(1, 1, RetryLimit::Count(0));
    let pending = breakers.pending();
    assert!(pending.is_some() && breakers.pending().is_none());
    drop(pending);
    assert!(breakers.pending().is_some());
    assert!(breakers.retry(1000).is_none());
}

#[test]
fn a_host_without_connections_gets_one_beyond_the_limit_for_requests_only() {
    let breakers = breakers(1, 1, RetryLimit::Count(0));
    let (a, b) = (Arc::default(), Arc::default());
    let first = breakers.connection(&a, false).unwrap();
    assert!(breakers.connection(&a, true).is_none(), "it has one");
    assert!(breakers.connection(&b, false).is_none());
    let beyond = breakers.connection(&b, true).unwrap();
    assert!(breakers.connection(&b, true).is_none());
    assert_eq!(breakers.connections(), 2);
    drop((first, beyond));
    assert_eq!(breakers.connections(), 0);
}

#[test]
fn a_budget_grows_with_the_requests_but_never_below_its_least() {
    let breakers = breakers(1, 1, RetryLimit::Budget { percent: 20.0, least: 2 });
    let mut held: Vec<_> = (0..2).map(|_| breakers.retry(1).unwrap()).collect();
    assert!(breakers.retry(10).is_none());
    held.push(breakers.retry(15).unwrap());
    assert!(breakers.retry(15).is_none());
}
