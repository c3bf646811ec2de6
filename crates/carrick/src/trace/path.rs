//! Joins flow records into a path: the client's sidecar knows the ClientHello.random of the connection it opened, every gateway
//! reads it in passing, and the server's sidecar took part in the handshake.
//!
//! Pure. It must not know how records are fetched, nor what the configuration says.

use carrick_proxy::flow::{FlowRecord, FlowTls};
use serde::Serialize;

/// A record, and whose it is.
#[derive(Debug, Clone)]
pub struct Observation {
    pub cluster: String,
    pub pod: String,
    /// `sidecar`, `egress gateway`, `ingress gateway` or `gateway`.
    pub role: String,
    pub record: FlowRecord,
}

/// A resource that decided, and where it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// `VirtualService default/egress-server-ns2`
    pub resource: String,
    /// `cluster1/server-from-cluster2.yaml:41`, if the control plane knows the resource.
    pub place: Option<String>,
}

/// One proxy's part of a path.
#[derive(Debug, Clone, Serialize)]
pub struct Hop {
    pub cluster: String,
    pub pod: String,
    pub role: String,
    pub rules: Vec<Rule>,
    pub sni: Option<String>,
    /// True where this proxy passed encrypted bytes through without the key.
    pub passed_through: bool,
    pub downstream: Option<FlowTls>,
    pub upstream: Option<FlowTls>,
    pub upstream_cluster: Option<String>,
    pub upstream_host: Option<String>,
    pub response_code: Option<u16>,
    pub response_flags: String,
    pub details: String,
    pub handshake_micros: Option<u64>,
    pub connect_micros: Option<u64>,
    pub first_byte_micros: Option<u64>,
    /// How long this hop's connection or request lasted; `None` while it is still open.
    pub duration_micros: Option<u64>,
}

/// A request's way from the client's sidecar to the server's.
#[derive(Debug, Clone, Serialize)]
pub struct MeasuredPath {
    /// The join key: lower-case hex of ClientHello.random.
    pub client_hello_random: Option<String>,
    pub hops: Vec<Hop>,
}

/// Builds the path that starts with `first`, the client sidecar's record of the request, out of everybody's records.
/// `rule` turns a resource's path (`/apis/…`) into its name and place, in the given cluster.
pub fn join(first: &Observation, all: &[Observation], rule: impl Fn(&str, &str) -> Rule) -> MeasuredPath {
    let random = first.record.upstream.as_ref().map(|tls| tls.client_hello_random.clone());
    let mut rest: Vec<&Observation> = match &random {
        Some(random) => all.iter().filter(|seen| saw(seen, random) && !same(seen, first)).collect(),
        None => Vec::new(),
    };
    // Proxies on the way accept one after the other, so the time of acceptance orders them; the one that terminated the connection is
    // the last by nature, and of its requests the one that ran during ours is meant.
    rest.sort_by_key(|seen| (terminated(seen), seen.record.started_micros));
    let (ended, passed): (Vec<_>, Vec<_>) = rest.into_iter().partition(|seen| terminated(seen));
    let server = pick_request(first, &ended);
    let hops = std::iter::once(first).chain(passed).chain(server).map(|seen| hop(seen, &rule)).collect();
    MeasuredPath { client_hello_random: random, hops }
}

fn saw(seen: &Observation, random: &str) -> bool {
    seen.record.downstream.as_ref().is_some_and(|tls| tls.client_hello_random == random)
}

fn terminated(seen: &Observation) -> bool {
    seen.record.downstream.as_ref().is_some_and(|tls| tls.terminated)
}

fn same(a: &Observation, b: &Observation) -> bool {
    (&a.cluster, &a.pod, a.record.sequence) == (&b.cluster, &b.pod, b.record.sequence)
}

/// A connection carries many requests: the request id that the client's sidecar made tells them apart.
fn pick_request<'a>(first: &Observation, ended: &[&'a Observation]) -> Option<&'a Observation> {
    let by_id = ended
        .iter()
        .find(|seen| first.record.request_id.is_some() && seen.record.request_id == first.record.request_id);
    by_id.or(ended.last()).copied()
}

fn hop(seen: &Observation, rule: &impl Fn(&str, &str) -> Rule) -> Hop {
    let record = &seen.record;
    let mut rules: Vec<Rule> = Vec::new();
    for path in [&record.chain_rule, &record.route_rule, &record.cluster_rule].into_iter().flatten() {
        let found = rule(&seen.cluster, path);
        if !rules.contains(&found) {
            rules.push(found);
        }
    }
    let sni = |tls: &Option<FlowTls>| tls.as_ref().and_then(|tls| tls.sni.clone());
    Hop {
        cluster: seen.cluster.clone(),
        pod: seen.pod.clone(),
        role: seen.role.clone(),
        rules,
        sni: sni(&record.downstream).or_else(|| sni(&record.upstream)),
        passed_through: record.downstream.as_ref().is_some_and(|tls| !tls.terminated),
        downstream: record.downstream.clone(),
        upstream: record.upstream.clone(),
        upstream_cluster: record.cluster.clone(),
        upstream_host: record.upstream_host.clone(),
        response_code: record.response_code,
        response_flags: record.response_flags.clone(),
        details: record.details.clone(),
        handshake_micros: record.downstream_handshake_micros,
        connect_micros: record.upstream_connect_micros,
        first_byte_micros: record.upstream_first_byte_micros,
        duration_micros: (record.duration_micros > 0).then_some(record.duration_micros),
    }
}

#[cfg(test)]
mod tests;
