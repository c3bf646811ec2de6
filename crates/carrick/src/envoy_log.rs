//! Flow records out of what Envoy itself wrote down: its access log, with the fields that the
//! control plane asks it for, and the resources that it runs, which say who wrote them.
//!
//! Envoy does not tell ClientHello.random, so its records are without; the addresses of connections
//! join them to others. Pure. It must not know how log and resources are fetched.

use std::collections::BTreeMap;

use carrick_proxy::flow::{FlowRecord, FlowTls};
use serde::Deserialize;
use serde_json::Value;

/// One line, as `carrick_control::pipeline::FLOW_FIELDS` names its fields; Envoy writes null for
/// what there is not.
#[derive(Debug, Deserialize)]
struct Line {
    #[serde(rename = "flow")]
    _version: String,
    start: String,
    connection: u64,
    chain: Option<String>,
    route: Option<String>,
    cluster: Option<String>,
    downstream_remote: Option<String>,
    downstream_local: Option<String>,
    upstream_host: Option<String>,
    upstream_local: Option<String>,
    sni: Option<String>,
    downstream_tls: Option<String>,
    downstream_group: Option<String>,
    downstream_cipher: Option<String>,
    downstream_local_id: Option<String>,
    downstream_peer_id: Option<String>,
    upstream_tls: Option<String>,
    upstream_group: Option<String>,
    upstream_cipher: Option<String>,
    upstream_local_id: Option<String>,
    upstream_peer_id: Option<String>,
    method: Option<String>,
    authority: Option<String>,
    path: Option<String>,
    request_id: Option<String>,
    code: Option<u16>,
    flags: Option<String>,
    details: Option<String>,
    termination: Option<String>,
    first_byte: Option<u64>,
    duration: Option<u64>,
}

/// The records of a log, numbered by their lines, with the rules that the configuration dump names.
/// Lines of other kinds are skipped.
pub fn records(log: &str, dump: &Value) -> Vec<FlowRecord> {
    let mut records: Vec<FlowRecord> = Vec::new();
    let mut open = BTreeMap::new();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    for (line, sequence) in lines.zip(1..) {
        let mut record = record(line, sequence);
        (record.chain_rule, record.route_rule, record.cluster_rule) = rules(&record, dump);
        if record.kind != "tcp" {
            records.push(record);
            continue;
        }
        // A TCP connection has a line when it is established and another one when it is over.
        match open.remove(&record.connection_id) {
            Some(position) => records[position] = record,
            None if record.response_flags == "-" => {
                open.insert(record.connection_id, records.len());
                records.push(FlowRecord { duration_micros: 0, ..record });
            }
            None => records.push(record),
        }
    }
    records
}

fn record(line: Line, sequence: u64) -> FlowRecord {
    let flags = line.flags.unwrap_or_else(|| "-".into());
    let kind = match &line.method {
        Some(_) => "http",
        None if flags.contains("NR") => "refused",
        None => "tcp",
    };
    let terminated = line.downstream_tls.map(|version| FlowTls {
        terminated: true,
        sni: line.sni.clone(),
        version: Some(version),
        group: line.downstream_group,
        cipher: line.downstream_cipher,
        local_identity: line.downstream_local_id,
        peer_identity: line.downstream_peer_id,
        ..FlowTls::default()
    });
    let passed = line.sni.map(|sni| FlowTls { sni: Some(sni), ..FlowTls::default() });
    let upstream = line.upstream_tls.map(|version| FlowTls {
        terminated: true,
        version: Some(version),
        group: line.upstream_group,
        cipher: line.upstream_cipher,
        local_identity: line.upstream_local_id,
        peer_identity: line.upstream_peer_id,
        ..FlowTls::default()
    });
    FlowRecord {
        sequence,
        started_micros: micros(&line.start),
        kind: kind.into(),
        connection_id: line.connection,
        filter_chain: line.chain.unwrap_or_default(),
        downstream_remote: line.downstream_remote.unwrap_or_default(),
        downstream_local: line.downstream_local.unwrap_or_default(),
        downstream: terminated.or(passed),
        upstream,
        route: line.route,
        cluster: line.cluster,
        upstream_host: line.upstream_host,
        upstream_local: line.upstream_local,
        method: line.method,
        authority: line.authority,
        path: line.path,
        request_id: line.request_id,
        // Envoy writes 0 for connections.
        response_code: line.code.filter(|code| *code > 0),
        response_flags: flags,
        details: line.details.or(line.termination).unwrap_or_default(),
        upstream_first_byte_micros: line.first_byte.map(|millis| millis * 1000),
        // Envoy counts whole milliseconds; 0 would mean that it is still open.
        duration_micros: (line.duration.unwrap_or(0) * 1000).max(1),
        ..FlowRecord::default()
    }
}

/// `1795651527.971970`
fn micros(start: &str) -> u64 {
    let (seconds, rest) = start.split_once('.').unwrap_or((start, "0"));
    let seconds: u64 = seconds.parse().unwrap_or(0);
    seconds * 1_000_000 + rest.parse::<u64>().unwrap_or(0)
}

type Rules = (Option<String>, Option<String>, Option<String>);

/// Who wrote the filter chain, the route and the cluster of a record, by the metadata in the
/// resources that Envoy runs.
fn rules(record: &FlowRecord, dump: &Value) -> Rules {
    let chain = items(dump, "dynamic_listeners")
        .flat_map(|listener| list(&listener["active_state"]["listener"]["filter_chains"]))
        .find(|chain| is_chain(chain, record));
    let cluster = items(dump, "dynamic_active_clusters")
        .map(|entry| &entry["cluster"])
        .find(|cluster| cluster["name"].as_str() == record.cluster.as_deref());
    let authority = record.authority.as_deref();
    let route = items(dump, "dynamic_route_configs")
        .flat_map(|entry| list(&entry["route_config"]["virtual_hosts"]))
        .filter(|host| list(&host["domains"]).any(|domain| domain.as_str() == authority))
        .flat_map(|host| list(&host["routes"]))
        .find(|route| route["name"].as_str() == record.route.as_deref());
    (chain.and_then(origin), route.and_then(origin), cluster.and_then(origin))
}

/// By its name, or where it has none, by the SNI that it is for.
fn is_chain(chain: &Value, record: &FlowRecord) -> bool {
    if !record.filter_chain.is_empty() {
        return chain["name"] == record.filter_chain.as_str();
    }
    let Some(sni) = record.downstream.as_ref().and_then(|tls| tls.sni.as_deref()) else { return false };
    list(&chain["filter_chain_match"]["server_names"])
        .filter_map(Value::as_str)
        .any(|name| name == sni || name.strip_prefix("*").is_some_and(|suffix| sni.ends_with(suffix)))
}

/// Istio's convention: the path of the resource behind it.
fn origin(resource: &Value) -> Option<String> {
    Some(resource["metadata"]["filter_metadata"]["istio"]["config"].as_str()?.to_owned())
}

/// The entries of that name in all sections of a dump.
fn items<'a>(dump: &'a Value, name: &'a str) -> impl Iterator<Item = &'a Value> {
    list(&dump["configs"]).flat_map(move |section| list(&section[name]))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests;
