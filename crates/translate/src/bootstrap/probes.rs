//! Readiness on 15021 and Prometheus on 15090: two windows on the admin interface that may be open
//! to others.

use std::time::Duration;

use crate::address;
use crate::clusters::fixed::single_endpoint;
use crate::envoy::cluster::Cluster;
use crate::envoy::listener::{FilterChain, Listener};
use crate::envoy::route::route_action::ClusterSpecifier;
use crate::envoy::route::route_match::PathSpecifier;
use crate::envoy::route::{Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost, route};
use crate::filters::http::{Place, Routes, connection_manager};
use crate::names::WILDCARD;

/// Istio's name for the admin interface as an upstream.
const ADMIN_CLUSTER: &str = "prometheus_stats";

/// Readiness and statistics: the port, the path that is served, and the admin interface's path for
/// it.
const WINDOWS: [(u16, &str, &str); 2] =
    [(15021, "/healthz/ready", "/ready"), (15090, "/stats/prometheus", "/stats/prometheus")];

pub(super) fn admin_cluster(port: u16) -> Cluster {
    single_endpoint(ADMIN_CLUSTER, address::tcp(&"127.0.0.1", port), Duration::from_millis(250))
}

pub(super) fn listeners() -> Vec<Listener> {
    WINDOWS.iter().map(|(port, path, admin_path)| listener(*port, path, admin_path)).collect()
}

fn listener(port: u16, path: &str, admin_path: &str) -> Listener {
    let action = RouteAction {
        cluster_specifier: Some(ClusterSpecifier::Cluster(ADMIN_CLUSTER.into())),
        prefix_rewrite: admin_path.into(),
        ..Default::default()
    };
    let only = Route {
        r#match: Some(RouteMatch {
            path_specifier: Some(PathSpecifier::Path(path.into())),
            ..Default::default()
        }),
        action: Some(route::Action::Route(action)),
        ..Default::default()
    };
    let routes = RouteConfiguration {
        virtual_hosts: vec![VirtualHost {
            name: "backend".into(),
            domains: vec!["*".into()],
            routes: vec![only],
            ..Default::default()
        }],
        ..Default::default()
    };
    let stat_prefix = format!("probe_{port}");
    let manager =
        connection_manager(Place::Outbound, &stat_prefix, Routes::Inline(Box::new(routes)), &[], &[]);
    Listener {
        name: stat_prefix,
        address: Some(address::tcp(&WILDCARD, port)),
        filter_chains: vec![FilterChain { filters: vec![manager], ..Default::default() }],
        ..Default::default()
    }
}
