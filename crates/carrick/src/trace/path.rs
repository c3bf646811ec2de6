//! Joins flow records into a path: the client's sidecar knows the ClientHello.random of the
//! connection it opened, every gateway reads it in passing, and the server's sidecar took part in
//! the handshake. Envoy does not record it; what came to Envoy, or came from it, is joined by the
//! addresses of the connection between the two.
//!
//! Pure. It must not know how records are fetched, nor what the configuration says.

use carrick_api::fleet::Role;
use carrick_api::trace::{Hop, JoinedBy, Path, Rule, Tls};
use carrick_proxy::flow::{FlowRecord, FlowTls};

/// A record, and whose it is.
#[derive(Debug, Clone)]
pub struct Observation {
    pub cluster: String,
    pub pod: String,
    pub role: Role,
    /// The proxy is Envoy.
    pub envoy: bool,
    pub record: FlowRecord,
}

/// Builds the path that starts with `first`, the client sidecar's record of the request, out of
/// everybody's records. `rule` turns a resource's path (`/apis/…`) into its name and place, in the
/// given cluster.
pub fn join(first: &Observation, all: &[Observation], rule: impl Fn(&str, &str) -> Rule) -> Path {
    let mut way = vec![(first, None)];
    let mut random = first.record.upstream.as_ref().and_then(random_of);
    // Without TLS to the next hop there is nothing that would tell one connection's bytes from
    // another's.
    while let Some((current, _)) = way.last().filter(|_| first.record.upstream.is_some()) {
        // Whoever terminated the connection is its end.
        if way.len() > 1 && terminated(current) {
            break;
        }
        let rest: Vec<&Observation> =
            all.iter().filter(|seen| !way.iter().any(|(known, _)| same_proxy(seen, known))).collect();
        let Some((next, by)) = next(current, &rest, random, first) else { break };
        random = random.or_else(|| next.record.downstream.as_ref().and_then(random_of));
        way.push((next, Some(by)));
    }
    let hops = way.iter().map(|(seen, by)| hop(seen, *by, &rule)).collect();
    Path { client_hello_random: random.map(str::to_owned), hops }
}

/// The hop after `current`, out of the other proxies' records.
fn next<'a>(
    current: &Observation,
    rest: &[&'a Observation],
    random: Option<&str>,
    first: &Observation,
) -> Option<(&'a Observation, JoinedBy)> {
    let connected: Vec<_> = rest.iter().copied().filter(|seen| is_connected(current, seen)).collect();
    let unaware = connected.iter().any(|seen| seen.record.downstream.as_ref().and_then(random_of).is_none());
    let mut same: Vec<_> = match random {
        // Somebody stands between who does not record it.
        Some(_) if unaware => Vec::new(),
        Some(random) => rest.iter().copied().filter(|seen| saw(seen, random)).collect(),
        None => Vec::new(),
    };
    // Proxies on the way accept one after the other, so the time of acceptance orders them; the one
    // that terminated the connection is the last by nature.
    same.sort_by_key(|seen| (terminated(seen), seen.record.started_micros));
    if let Some(nearest) = same.first().copied() {
        return Some((pick_request(first, nearest, &same), JoinedBy::ClientHelloRandom));
    }
    // Addresses are used again; the newest connection is meant.
    let nearest = connected.iter().copied().max_by_key(|seen| seen.record.started_micros)?;
    Some((pick_request(first, nearest, &connected), JoinedBy::Addresses))
}

fn is_connected(current: &Observation, seen: &Observation) -> bool {
    current.record.upstream_local.as_deref().is_some_and(|local| seen.record.downstream_remote == local)
}

fn random_of(tls: &FlowTls) -> Option<&str> {
    Some(tls.client_hello_random.as_str()).filter(|random| !random.is_empty())
}

fn saw(seen: &Observation, random: &str) -> bool {
    seen.record.downstream.as_ref().is_some_and(|tls| tls.client_hello_random == random)
}

fn terminated(seen: &Observation) -> bool {
    seen.record.downstream.as_ref().is_some_and(|tls| tls.terminated)
}

fn same_proxy(a: &Observation, b: &Observation) -> bool {
    (&a.cluster, &a.pod) == (&b.cluster, &b.pod)
}

/// A connection carries many requests: of those at the proxy that terminates it, the request id
/// that the client's sidecar made tells ours.
fn pick_request<'a>(
    first: &Observation,
    nearest: &'a Observation,
    candidates: &[&'a Observation],
) -> &'a Observation {
    let there = || candidates.iter().copied().filter(|seen| same_proxy(seen, nearest));
    let by_id = there()
        .find(|seen| first.record.request_id.is_some() && seen.record.request_id == first.record.request_id);
    by_id.or_else(|| there().max_by_key(|seen| seen.record.started_micros)).unwrap_or(nearest)
}

fn hop(seen: &Observation, joined_by: Option<JoinedBy>, rule: &impl Fn(&str, &str) -> Rule) -> Hop {
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
        role: seen.role,
        envoy: seen.envoy,
        joined_by,
        rules,
        sni: sni(&record.downstream).or_else(|| sni(&record.upstream)),
        passed_through: record.downstream.as_ref().is_some_and(|tls| !tls.terminated),
        downstream: record.downstream.as_ref().map(tls),
        upstream: record.upstream.as_ref().map(tls),
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

fn tls(seen: &FlowTls) -> Tls {
    let FlowTls {
        terminated,
        client_hello_random,
        sni,
        version,
        group,
        cipher,
        alpn,
        local_identity,
        peer_identity,
    } = seen.clone();
    Tls { terminated, client_hello_random, sni, version, group, cipher, alpn, local_identity, peer_identity }
}

#[cfg(test)]
mod tests;
