//! `/clusters`: the upstream clusters, their hosts, and what was counted per host.

use std::fmt::Write;

use carrick_policy::balance::endpoint::Endpoint;
use serde_json::{Value, json};

use super::listeners::address;
use crate::cluster::UpstreamCluster;
use crate::registry::Registry;
use crate::resources::Origin;

fn health(endpoint: &Endpoint) -> &'static str {
    match (endpoint.healthy, endpoint.is_ejected()) {
        (true, false) => "healthy",
        (true, true) => "/failed_outlier_check",
        (false, false) => "/failed_eds_health",
        (false, true) => "/failed_outlier_check/failed_eds_health",
    }
}

/// Names of the clusters that an xDS server delivered.
fn delivered(registry: &Registry) -> Vec<String> {
    let clusters = registry.resources.of(carrick_xds::ResourceType::Cluster);
    clusters.into_iter().filter(|(_, origin, _)| *origin == Origin::Dynamic).map(|(name, ..)| name).collect()
}

pub(super) fn text(registry: &Registry) -> String {
    let delivered = delivered(registry);
    let mut out = String::new();
    for cluster in registry.env.clusters.all() {
        let name = cluster.name();
        let limits = &cluster.config().limits;
        let mut line = |rest: std::fmt::Arguments<'_>| {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{name}::{rest}");
        };
        line(format_args!("observability_name::{name}"));
        line(format_args!("default_priority::max_connections::{}", limits.connections));
        line(format_args!("default_priority::max_pending_requests::{}", limits.pending));
        line(format_args!("default_priority::max_requests::{}", limits.requests));
        line(format_args!("added_via_api::{}", delivered.iter().any(|other| other == name)));
        for endpoint in cluster.endpoints() {
            let host = &endpoint.address;
            let counters = &endpoint.counters;
            line(format_args!("{host}::cx_connect_fail::{}", counters.connect_failures()));
            line(format_args!("{host}::rq_active::{}", counters.active()));
            line(format_args!("{host}::rq_total::{}", counters.total()));
            line(format_args!("{host}::hostname::{}", endpoint.hostname));
            line(format_args!("{host}::health_flags::{}", health(&endpoint)));
            line(format_args!("{host}::weight::{}", endpoint.weight));
            line(format_args!("{host}::region::{}", endpoint.locality.region));
            line(format_args!("{host}::zone::{}", endpoint.locality.zone));
            line(format_args!("{host}::sub_zone::{}", endpoint.locality.sub_zone));
            line(format_args!("{host}::priority::{}", endpoint.priority));
        }
    }
    out
}

/// In the shape of Envoy's `admin.v3.Clusters`.
pub(super) fn json(registry: &Registry) -> Value {
    let delivered = delivered(registry);
    let statuses: Vec<_> =
        registry.env.clusters.all().iter().map(|cluster| status(cluster, &delivered)).collect();
    json!({ "cluster_statuses": statuses })
}

fn status(cluster: &UpstreamCluster, delivered: &[String]) -> Value {
    let limits = &cluster.config().limits;
    let hosts: Vec<_> = cluster.endpoints().iter().map(|endpoint| host(endpoint)).collect();
    json!({
        "name": cluster.name(),
        "added_via_api": delivered.iter().any(|name| name == cluster.name()),
        "circuit_breakers": {
            "thresholds": [{ "max_connections": limits.connections, "max_pending_requests": limits.pending, "max_requests": limits.requests }],
        },
        "observability_name": cluster.name(),
        "host_statuses": hosts,
    })
}

fn host(endpoint: &Endpoint) -> Value {
    let counters = &endpoint.counters;
    // 64-bit numbers are strings in the JSON form of protobuf.
    let stat = |kind: &str, name: &str, value: u64| json!({ "type": kind, "name": name, "value": value.to_string() });
    json!({
        "address": address(&endpoint.address),
        "hostname": endpoint.hostname,
        "stats": [
            stat("COUNTER", "cx_connect_fail", counters.connect_failures()),
            stat("GAUGE", "rq_active", counters.active().into()),
            stat("COUNTER", "rq_total", counters.total()),
        ],
        "health_status": { "eds_health_status": if endpoint.healthy { "HEALTHY" } else { "UNHEALTHY" }, "failed_outlier_check": endpoint.is_ejected() },
        "weight": endpoint.weight,
        "priority": endpoint.priority,
        "locality": {
            "region": endpoint.locality.region,
            "zone": endpoint.locality.zone,
            "sub_zone": endpoint.locality.sub_zone,
        },
    })
}
