//! The tcp_proxy filter: bytes go to a cluster, or to one of several by weight.

use std::time::Duration;

use crate::access_log::Logs;
use crate::duration::duration;
use crate::envoy::listener::Filter;
use crate::envoy::tcp_proxy::TcpProxy;
use crate::envoy::tcp_proxy::tcp_proxy::weighted_cluster::ClusterWeight;
use crate::envoy::tcp_proxy::tcp_proxy::{ClusterSpecifier, TcpAccessLogOptions, WeightedCluster};
use carrick_xds::pb::envoy::r#type::v3::HashPolicy;
use carrick_xds::pb::envoy::r#type::v3::hash_policy::{PolicySpecifier, SourceIp};

/// What a destination asks of the connections to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    pub idle_timeout: Option<Duration>,
    /// Connections of one client address go to one endpoint.
    pub by_source: bool,
}

/// Sends everything to `cluster`; statistics carry the cluster's name
/// (`pilot/pkg/networking/core/networkfilter.go`).
pub(crate) fn to_cluster(cluster: &str, access_log: &Logs) -> Filter {
    to_destination(cluster, &Options::default(), access_log)
}

/// The same, as the destination wants it.
pub(crate) fn to_destination(cluster: &str, options: &Options, access_log: &Logs) -> Filter {
    proxy(cluster, ClusterSpecifier::Cluster(cluster.into()), options, access_log)
}

/// Sends each connection to one of `clusters` in proportion to its weight. A single cluster needs
/// no weight.
pub(crate) fn to_weighted(
    stat_prefix: &str,
    clusters: &[(String, u32)],
    options: &Options,
    access_log: &Logs,
) -> Filter {
    if let [(cluster, _)] = clusters {
        return to_destination(cluster, options, access_log);
    }
    let clusters = clusters
        .iter()
        .map(|(name, weight)| ClusterWeight { name: name.clone(), weight: *weight, ..Default::default() })
        .collect();
    proxy(stat_prefix, ClusterSpecifier::WeightedClusters(WeightedCluster { clusters }), options, access_log)
}

fn proxy(stat_prefix: &str, clusters: ClusterSpecifier, options: &Options, access_log: &Logs) -> Filter {
    let by_source = HashPolicy { policy_specifier: Some(PolicySpecifier::SourceIp(SourceIp {})) };
    let on_connect = TcpAccessLogOptions { flush_access_log_on_connected: true, ..Default::default() };
    let config = TcpProxy {
        stat_prefix: stat_prefix.into(),
        cluster_specifier: Some(clusters),
        access_log: access_log.to_vec(),
        access_log_options: access_log.on_connect.then_some(on_connect),
        idle_timeout: options.idle_timeout.map(duration),
        hash_policy: options.by_source.then_some(by_source).into_iter().collect(),
        ..Default::default()
    };
    super::network_filter("envoy.filters.network.tcp_proxy", &config)
}
