//! Choosing one host of a cluster: priorities by health, then round robin, least request, random,
//! or by hash.
//!
//! It must not know how to connect to what it chose.

pub mod endpoint;
pub mod outlier;
pub mod table;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::Rng;

use self::endpoint::{Endpoint, EndpointSet, Hosts, Priority};
use crate::address::Address;
use crate::config::cluster::Policy;

/// A policy and its state. Safe to use from all workers without locks.
#[derive(Debug)]
pub struct Balancer {
    policy: Policy,
    /// Below this share of healthy hosts (percent) all hosts of a priority are used.
    panic_percent: f64,
    turn: AtomicU64,
}

/// A priority is filled beyond its share of healthy hosts by this factor (Envoy docs,
/// "Overprovisioning factor").
const OVERPROVISIONING: f64 = 1.4;

/// How often another host is drawn if the drawn one is to be skipped.
const SKIP_ATTEMPTS: u32 = 5;

impl Balancer {
    pub fn new(policy: Policy, panic_percent: f64) -> Self {
        // Proxies that start together must not all begin with the same host.
        Self { policy, panic_percent, turn: AtomicU64::new(rand::rng().random_range(0..1 << 32)) }
    }

    /// A host not among `skip` if a few draws find one; `None` only if there are no usable hosts at
    /// all.
    pub fn pick(&self, set: &EndpointSet, hash: Option<u64>, skip: &[Address]) -> Option<Arc<Endpoint>> {
        let mut found = None;
        for attempt in 0..=SKIP_ATTEMPTS {
            // Without a hash, a hashing policy chooses at random; others do not look at it.
            let hash = hash.filter(|_| self.hashes()).unwrap_or_else(rand::random);
            let hosts = self.hosts(set, hash)?;
            let endpoint = self.choose(hosts, hash, attempt);
            if !skip.contains(&endpoint.address) {
                return Some(Arc::clone(endpoint));
            }
            found = Some(Arc::clone(endpoint));
        }
        found
    }

    fn hashes(&self) -> bool {
        matches!(self.policy, Policy::RingHash { .. } | Policy::Maglev { .. })
    }

    /// The hosts of one priority, by the priorities' loads: the hash decides, so that it always
    /// decides alike.
    fn hosts<'a>(&self, set: &'a EndpointSet, hash: u64) -> Option<&'a Hosts> {
        let priorities = &set.priorities;
        if let [only] = priorities.as_slice() {
            return self.usable(only, health(only) < 100.0);
        }
        let loads = loads(priorities);
        let short_of_hosts = priorities.iter().map(health).sum::<f64>() < 100.0;
        let mut ticket = (hash % 100) as f64;
        for (priority, load) in priorities.iter().zip(loads) {
            if ticket < load {
                return self.usable(priority, short_of_hosts);
            }
            ticket -= load;
        }
        // Nothing is healthy anywhere: the first priority that has hosts, if panic allows.
        priorities.iter().filter(|p| p.all.len() > 0).find_map(|p| self.usable(p, true))
    }

    fn usable<'a>(&self, priority: &'a Priority, short_of_hosts: bool) -> Option<&'a Hosts> {
        let (healthy, all) = (priority.healthy.len(), priority.all.len());
        let panics = short_of_hosts && (healthy as f64) * 100.0 < self.panic_percent * (all as f64);
        let hosts = if panics { &priority.all } else { &priority.healthy };
        (hosts.len() > 0).then_some(hosts)
    }

    fn choose<'a>(&self, hosts: &'a Hosts, hash: u64, attempt: u32) -> &'a Arc<Endpoint> {
        let index = match self.policy {
            Policy::RingHash { .. } | Policy::Maglev { .. } => {
                // Without a table the set was not arranged for this policy; any host is as good.
                let found = hosts.table.as_ref().and_then(|table| table.find(hash, attempt));
                found.unwrap_or_else(|| draw(hosts))
            }
            Policy::RoundRobin => round_robin(hosts, self.turn.fetch_add(1, Ordering::Relaxed)),
            Policy::Random => draw(hosts),
            Policy::LeastRequest { .. } if hosts.len() == 1 => 0,
            Policy::LeastRequest { choices } => {
                let mut best = draw(hosts);
                for _ in 1..choices {
                    let other = draw(hosts);
                    if busier(&hosts.endpoints[best], &hosts.endpoints[other]) {
                        best = other;
                    }
                }
                best
            }
        };
        &hosts.endpoints[index]
    }
}

/// Whether `a` has more to do per weight than `b`.
fn busier(a: &Endpoint, b: &Endpoint) -> bool {
    u64::from(a.counters.active()) * u64::from(b.weight)
        > u64::from(b.counters.active()) * u64::from(a.weight)
}

/// The host whose turn it is. With unequal weights every host gets exactly its weight's share of
/// each cycle, interleaved: stepping by a number coprime to the cycle's length visits every slot
/// once.
fn round_robin(hosts: &Hosts, turn: u64) -> usize {
    let Some(total) = hosts.cumulative.last().copied() else {
        return (turn % hosts.len() as u64) as usize;
    };
    let mut step = ((total as f64 * 0.618) as u64).max(1);
    while gcd(step, total) != 1 {
        step += 1;
    }
    let slot = (u128::from(turn % total) * u128::from(step) % u128::from(total)) as u64;
    at_slot(hosts, slot)
}

fn draw(hosts: &Hosts) -> usize {
    match hosts.cumulative.last() {
        Some(total) => at_slot(hosts, rand::rng().random_range(0..*total)),
        None => rand::rng().random_range(0..hosts.len()),
    }
}

fn at_slot(hosts: &Hosts, slot: u64) -> usize {
    hosts.cumulative.partition_point(|end| *end <= slot)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Health of a priority in percent, overprovisioned.
fn health(priority: &Priority) -> f64 {
    if priority.all.len() == 0 {
        return 0.0;
    }
    (OVERPROVISIONING * 100.0 * priority.healthy.len() as f64 / priority.all.len() as f64).min(100.0)
}

/// Percent of the traffic for each priority: a priority takes as much as its health allows of what
/// those before it left (Envoy docs, "Priority levels"). Sums to 100 unless nothing is healthy.
fn loads(priorities: &[Priority]) -> Vec<f64> {
    let total: f64 = priorities.iter().map(health).sum::<f64>().min(100.0);
    let mut left = 100.0;
    priorities
        .iter()
        .map(|priority| {
            let share = if total > 0.0 { health(priority) * 100.0 / total } else { 0.0 };
            let load = share.min(left);
            left -= load;
            load
        })
        .collect()
}

#[cfg(test)]
mod tests;
