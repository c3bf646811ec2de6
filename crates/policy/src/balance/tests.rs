use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::Balancer;
use super::endpoint::{ActiveGuard, Endpoint, EndpointSet, LocalityEndpoints};
use crate::address::Address;
use crate::config::cluster::Policy;
use crate::config::endpoint::Locality;

fn host(last_octet: u8, weight: u32, priority: u32, healthy: bool) -> Arc<Endpoint> {
    Arc::new(Endpoint {
        address: address(last_octet),
        hostname: String::new(),
        weight,
        healthy,
        priority,
        locality: Locality::default(),
        transport: 0,
        counters: Arc::default(),
    })
}

fn address(last_octet: u8) -> Address {
    Address::Socket(SocketAddr::from(([10, 0, 0, last_octet], 80)))
}

fn flat(hosts: Vec<Arc<Endpoint>>) -> EndpointSet {
    EndpointSet::new(&[LocalityEndpoints { endpoints: hosts, weight: 0 }], false)
}

/// How often each host (by last octet) is picked in `n` draws.
fn tally(balancer: &Balancer, set: &EndpointSet, n: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..n {
        let picked = balancer.pick(set, None, &[]).expect("there are hosts");
        *counts.entry(picked.address.to_string()).or_default() += 1;
    }
    counts
}

#[test]
fn round_robin_gives_every_host_its_exact_share_of_a_cycle() {
    let balancer = Balancer::new(Policy::RoundRobin, 50.0);
    let equal = flat(vec![host(1, 1, 0, true), host(2, 1, 0, true), host(3, 1, 0, true)]);
    assert!(tally(&balancer, &equal, 300).values().all(|n| *n == 100));

    let weighted = flat(vec![host(1, 1, 0, true), host(2, 3, 0, true), host(3, 6, 0, true)]);
    let counts = tally(&balancer, &weighted, 100);
    assert_eq!(counts.values().copied().collect::<Vec<_>>(), [10, 30, 60]);
}

#[test]
fn least_request_leaves_the_busy_host_alone() {
    let balancer = Balancer::new(Policy::LeastRequest { choices: 2 }, 50.0);
    let (busy, idle) = (host(1, 1, 0, true), host(2, 1, 0, true));
    let _requests: Vec<_> = (0..10).map(|_| ActiveGuard::new(&busy, &Arc::default())).collect();
    let counts = tally(&balancer, &flat(vec![busy, idle]), 1000);
    // Both draws hit the busy host one time in four.
    assert!(counts["10.0.0.2:80"] > 650, "{counts:?}");
}

#[test]
fn unhealthy_hosts_get_nothing_until_too_few_are_healthy() {
    let balancer = Balancer::new(Policy::RoundRobin, 50.0);
    let mostly_well = flat(vec![host(1, 1, 0, true), host(2, 1, 0, true), host(3, 1, 0, false)]);
    assert_eq!(tally(&balancer, &mostly_well, 90).len(), 2);
    let panicking = flat(vec![host(1, 1, 0, true), host(2, 1, 0, false), host(3, 1, 0, false)]);
    assert_eq!(tally(&balancer, &panicking, 90).len(), 3);
    let never_panics = Balancer::new(Policy::RoundRobin, 0.0);
    assert_eq!(tally(&never_panics, &panicking, 90).len(), 1);
    assert!(never_panics.pick(&flat(vec![host(1, 1, 0, false)]), None, &[]).is_none());
}

#[test]
fn the_next_priority_takes_over_when_the_first_is_down() {
    let balancer = Balancer::new(Policy::RoundRobin, 50.0);
    let both = flat(vec![host(1, 1, 0, true), host(2, 1, 1, true)]);
    assert_eq!(tally(&balancer, &both, 50)["10.0.0.1:80"], 50);
    let first_down = flat(vec![host(1, 1, 0, false), host(2, 1, 1, true)]);
    assert_eq!(tally(&balancer, &first_down, 50)["10.0.0.2:80"], 50);
}

#[test]
fn a_locality_gets_its_weight_however_many_hosts_it_has() {
    let near = LocalityEndpoints { endpoints: vec![host(1, 1, 0, true)], weight: 80 };
    let far = LocalityEndpoints { endpoints: (2..6).map(|n| host(n, 1, 0, true)).collect(), weight: 20 };
    let unweighted = LocalityEndpoints { endpoints: vec![host(9, 1, 0, true)], weight: 0 };
    let set = EndpointSet::new(&[near, far, unweighted], true);
    let counts = tally(&Balancer::new(Policy::RoundRobin, 50.0), &set, 100_000);
    assert_eq!(counts["10.0.0.1:80"], 80_000);
    assert!(!counts.contains_key("10.0.0.9:80"), "a locality without weight gets no traffic");
}

#[test]
fn a_retry_goes_elsewhere_where_there_is_an_elsewhere() {
    let balancer = Balancer::new(Policy::RoundRobin, 50.0);
    let two = flat(vec![host(1, 1, 0, true), host(2, 1, 0, true)]);
    for _ in 0..20 {
        assert_eq!(balancer.pick(&two, None, &[address(1)]).unwrap().address, address(2));
    }
    assert!(balancer.pick(&flat(vec![host(1, 1, 0, true)]), None, &[address(1)]).is_some());
    assert!(balancer.pick(&flat(vec![]), None, &[]).is_none());
}
