//! The hosts of a cluster: addresses, weights, health and localities, by priority.
//!
//! Plain data with counters; it must not know how hosts are found or chosen.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::outlier::OutlierState;
use super::table::{Member, Table};
use crate::address::Address;
use crate::config::cluster::Policy;
use crate::config::endpoint::Locality;

/// What this proxy counts per host. Survives updates of the endpoint's weight or health.
#[derive(Debug, Default)]
pub struct EndpointCounters {
    active: AtomicU32,
    total: AtomicU64,
    connect_failures: AtomicU64,
    /// Connections now.
    open: AtomicU32,
    pub outlier: OutlierState,
}

impl EndpointCounters {
    /// Requests (HTTP) or connections (TCP) in progress.
    pub fn active(&self) -> u32 {
        self.active.load(Ordering::Relaxed)
    }

    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    pub fn connect_failures(&self) -> u64 {
        self.connect_failures.load(Ordering::Relaxed)
    }

    pub fn open(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }

    pub fn opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    pub fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    pub fn count_connect_failure(&self) {
        self.connect_failures.fetch_add(1, Ordering::Relaxed);
    }
}

/// One host of a cluster.
#[derive(Debug)]
pub struct Endpoint {
    pub address: Address,
    /// The name that DNS clusters resolved, or EDS gave; for `auto_host_rewrite`. May be empty.
    pub hostname: String,
    /// At least 1.
    pub weight: u32,
    pub healthy: bool,
    pub priority: u32,
    pub locality: Locality,
    /// Which of the cluster's transports this host gets (`transport_socket_matches`).
    pub transport: usize,
    pub counters: Arc<EndpointCounters>,
}

impl Endpoint {
    /// Whether it is to get traffic where there is a choice.
    pub fn is_usable(&self) -> bool {
        self.healthy && !self.is_ejected()
    }

    /// Whether outlier detection leaves it out now.
    pub fn is_ejected(&self) -> bool {
        self.counters.outlier.is_ejected()
    }

    /// A host known by nothing but its address.
    pub fn plain(address: SocketAddr) -> Self {
        Self {
            address: address.into(),
            hostname: String::new(),
            weight: 1,
            healthy: true,
            priority: 0,
            locality: Locality::default(),
            transport: 0,
            counters: Arc::default(),
        }
    }
}

/// Counts one request or connection as active on its endpoint, and in its cluster, until dropped.
#[derive(Debug)]
pub struct ActiveGuard {
    host: Arc<EndpointCounters>,
    cluster: Arc<AtomicU32>,
}

impl ActiveGuard {
    /// Says also how many there were in the cluster before.
    pub fn new(endpoint: &Endpoint, cluster: &Arc<AtomicU32>) -> (Self, u32) {
        endpoint.counters.active.fetch_add(1, Ordering::Relaxed);
        endpoint.counters.total.fetch_add(1, Ordering::Relaxed);
        let before = cluster.fetch_add(1, Ordering::Relaxed);
        (Self { host: Arc::clone(&endpoint.counters), cluster: Arc::clone(cluster) }, before)
    }
}

impl Drop for ActiveGuard {
    fn drop(&mut self) {
        self.host.active.fetch_sub(1, Ordering::Relaxed);
        self.cluster.fetch_sub(1, Ordering::Relaxed);
    }
}

/// All hosts of a cluster at one moment.
#[derive(Debug, Default)]
pub struct EndpointSet {
    /// Index is the priority; 0 is preferred.
    pub(super) priorities: Vec<Priority>,
    /// As they were given.
    localities: Vec<LocalityEndpoints>,
}

#[derive(Debug, Default)]
pub(super) struct Priority {
    pub healthy: Hosts,
    /// All hosts, for when too few are healthy (Envoy docs, "Panic threshold").
    pub all: Hosts,
}

/// Hosts to choose among, with what weighted choice needs.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    pub endpoints: Vec<Arc<Endpoint>>,
    /// Cumulative weights, parallel to `endpoints`; empty if all weights are equal.
    pub cumulative: Vec<u64>,
    /// For policies that choose by hash.
    pub table: Option<Table>,
}

impl Hosts {
    fn new(endpoints: Vec<Arc<Endpoint>>, weights: &[u64]) -> Self {
        let mut sum = 0_u64;
        let add = |weight: &u64| {
            sum += (*weight).max(1);
            sum
        };
        let cumulative: Vec<u64> = weights.iter().map(add).collect();
        let first = cumulative.first().copied().unwrap_or(0);
        let equal = cumulative.iter().zip(1..).all(|(weight, n)| *weight == first * n);
        Self { endpoints, cumulative: if equal { Vec::new() } else { cumulative }, table: None }
    }

    pub fn len(&self) -> usize {
        self.endpoints.len()
    }

    fn arrange(&mut self, policy: Policy) {
        self.table = match policy {
            Policy::RingHash { least, most, by_name } => {
                Some(Table::ring(&self.members(by_name), least, most))
            }
            Policy::Maglev { size, by_name } => Some(Table::maglev(&self.members(by_name), size)),
            Policy::RoundRobin | Policy::LeastRequest { .. } | Policy::Random => None,
        };
    }

    /// What the hosts are called where they are placed by hash, and their weights.
    fn members(&self, by_name: bool) -> Vec<Member> {
        let name = |endpoint: &Endpoint| match by_name && !endpoint.hostname.is_empty() {
            true => endpoint.hostname.clone(),
            false => endpoint.address.to_string(),
        };
        let ends = self.cumulative.iter();
        let starts = [0].iter().chain(&self.cumulative);
        let mut weights = ends.zip(starts).map(|(end, start)| end - start);
        self.endpoints.iter().map(|endpoint| (name(endpoint), weights.next().unwrap_or(1))).collect()
    }
}

/// A group of endpoints as configuration gives it, with the group's weight (0 if none was given).
#[derive(Debug, Clone, Default)]
pub struct LocalityEndpoints {
    pub endpoints: Vec<Arc<Endpoint>>,
    pub weight: u32,
}

impl EndpointSet {
    /// With `by_locality`, a locality's share of its priority is its own weight, whatever the
    /// number and weights of its hosts (Envoy docs, "Locality weighted load balancing"); otherwise
    /// hosts of a priority are one flat list.
    pub fn new(localities: &[LocalityEndpoints], by_locality: bool) -> Self {
        let highest = localities.iter().flat_map(|l| &l.endpoints).map(|e| e.priority).max();
        let priorities = (0..=highest.unwrap_or(0)).map(|priority| {
            let hosts = |only_healthy: bool| hosts_of(localities, by_locality, priority, only_healthy);
            Priority { healthy: hosts(true), all: hosts(false) }
        });
        Self { priorities: priorities.collect(), localities: localities.to_vec() }
    }

    /// With what the policy needs to choose by hash.
    pub fn arranged(mut self, policy: Policy) -> Self {
        for priority in &mut self.priorities {
            priority.healthy.arrange(policy);
            priority.all.arrange(policy);
        }
        self
    }

    /// The same hosts, after the health of some has changed.
    pub fn sorted_anew(&self, by_locality: bool, policy: Policy) -> Self {
        Self::new(&self.localities, by_locality).arranged(policy)
    }

    pub fn endpoints(&self) -> impl Iterator<Item = &Arc<Endpoint>> {
        self.priorities.iter().flat_map(|priority| &priority.all.endpoints)
    }
}

fn hosts_of(localities: &[LocalityEndpoints], by_locality: bool, priority: u32, only_healthy: bool) -> Hosts {
    let wanted = |e: &&Arc<Endpoint>| e.priority == priority && (e.is_usable() || !only_healthy);
    let mut endpoints = Vec::new();
    let mut weights = Vec::new();
    for locality in localities {
        let hosts: Vec<_> = locality.endpoints.iter().filter(wanted).cloned().collect();
        let sum: u64 = hosts.iter().map(|host| u64::from(host.weight)).sum();
        if by_locality && locality.weight == 0 {
            continue;
        }
        for host in hosts {
            let weight = u64::from(host.weight);
            // Scaled by 1000 so that small locality weights over many hosts do not round to
            // nothing.
            weights.push(if by_locality {
                1000 * u64::from(locality.weight) * weight / sum.max(1)
            } else {
                weight
            });
            endpoints.push(host);
        }
    }
    Hosts::new(endpoints, &weights)
}
