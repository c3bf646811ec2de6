//! The tcp_proxy filter: bytes go to a cluster, or to one of several by weight.

use crate::envoy::accesslog::AccessLog;
use crate::envoy::listener::Filter;
use crate::envoy::tcp_proxy::TcpProxy;
use crate::envoy::tcp_proxy::tcp_proxy::weighted_cluster::ClusterWeight;
use crate::envoy::tcp_proxy::tcp_proxy::{ClusterSpecifier, WeightedCluster};

/// Sends everything to `cluster`; statistics carry the cluster's name (`pilot/pkg/networking/core/networkfilter.go`).
pub fn to_cluster(cluster: &str, access_log: &[AccessLog]) -> Filter {
    proxy(cluster, ClusterSpecifier::Cluster(cluster.into()), access_log)
}

/// Sends each connection to one of `clusters` in proportion to its weight. A single cluster needs no weight.
pub fn to_weighted(stat_prefix: &str, clusters: &[(String, u32)], access_log: &[AccessLog]) -> Filter {
    if let [(cluster, _)] = clusters {
        return to_cluster(cluster, access_log);
    }
    let clusters = clusters
        .iter()
        .map(|(name, weight)| ClusterWeight { name: name.clone(), weight: *weight, ..Default::default() })
        .collect();
    proxy(stat_prefix, ClusterSpecifier::WeightedClusters(WeightedCluster { clusters }), access_log)
}

fn proxy(stat_prefix: &str, clusters: ClusterSpecifier, access_log: &[AccessLog]) -> Filter {
    let config = TcpProxy {
        stat_prefix: stat_prefix.into(),
        cluster_specifier: Some(clusters),
        access_log: access_log.to_vec(),
        ..Default::default()
    };
    super::network_filter("envoy.filters.network.tcp_proxy", &config)
}
