//! A DestinationRule's connection pool, load balancer and outlier detection, and the HTTP version
//! (`pilot/pkg/networking/core/cluster_traffic_policy.go`; semantics document, section 5).

use carrick_model::resources::{
    ConnectionPoolSettings, ConsistentHashLb, H2UpgradePolicy, HttpSettings, LoadBalancerSettings,
    OutlierDetection, RetryBudget, SimpleLb, TcpSettings,
};

use super::destination::Destination;
use super::locality::Preference;
use super::protocol;
use crate::context::Context;
use crate::duration::duration;
use crate::envoy::cluster::circuit_breakers::thresholds::RetryBudget as EnvoyRetryBudget;
use crate::envoy::cluster::cluster::common_lb_config::LocalityConfigSpecifier;
use crate::envoy::cluster::cluster::{
    ClusterDiscoveryType, CommonLbConfig, DiscoveryType, LbConfig, LbPolicy, MaglevLbConfig, RingHashLbConfig,
};
use crate::envoy::cluster::{Cluster, OutlierDetection as EnvoyOutlierDetection, UpstreamConnectionOptions};
use crate::envoy::core::{HttpProtocolOptions, TcpKeepalive};
use carrick_xds::pb::envoy::r#type::v3::Percent;

/// Istio's ring when the rule names no size.
const MINIMUM_RING_SIZE: u64 = 1024;

pub(crate) fn apply(context: &Context<'_>, destination: &Destination<'_>, cluster: &mut Cluster) {
    let policy = &destination.policy;
    http_version(context, destination, cluster);
    if let Some(pool) = &policy.connection_pool {
        connection_pool(pool, cluster);
    }
    if let Some(detection) = &policy.outlier_detection {
        outlier_detection(detection, cluster);
    }
    if Preference::from_policy(policy).weighs() {
        weigh_localities(cluster);
    }
    if let Some(budget) = &policy.retry_budget {
        retry_budget(budget, cluster);
    }
    if let Some(load_balancer) = &policy.load_balancer
        && destination.discovery != DiscoveryType::OriginalDst
    {
        balance(load_balancer, cluster);
    }
}

/// Weights of localities count only where Envoy is told so.
fn weigh_localities(cluster: &mut Cluster) {
    cluster.common_lb_config.get_or_insert_default().locality_config_specifier =
        Some(LocalityConfigSpecifier::LocalityWeightedLbConfig(Default::default()));
}

fn http_version(context: &Context<'_>, destination: &Destination<'_>, cluster: &mut Cluster) {
    let http = destination.policy.connection_pool.as_ref().and_then(|pool| pool.http.as_ref());
    let declared = destination.port.protocol;
    let as_client = http.is_some_and(|http| http.use_client_protocol);
    let upgrade = http.is_some_and(|http| http.h2_upgrade_policy == H2UpgradePolicy::Upgrade);
    let version = if declared.is_http2() {
        protocol::http2()
    } else if as_client || (declared.is_auto() && !context.is_router()) {
        protocol::downstream()
    } else if upgrade && declared.is_http() {
        protocol::http2()
    } else {
        return;
    };
    protocol::change(cluster, |options| options.upstream_protocol_options = Some(version));
}

pub(crate) fn connection_pool(pool: &ConnectionPoolSettings, cluster: &mut Cluster) {
    if let Some(tcp) = &pool.tcp {
        tcp_pool(tcp, cluster);
    }
    if let Some(http) = &pool.http {
        http_pool(http, cluster);
    }
}

fn tcp_pool(tcp: &TcpSettings, cluster: &mut Cluster) {
    if let Some(timeout) = tcp.connect_timeout {
        cluster.connect_timeout = Some(duration(timeout));
    }
    limit(cluster, |limits| &mut limits.max_connections, tcp.max_connections);
    if let Some(keepalive) = &tcp.tcp_keepalive {
        let seconds = |time: std::time::Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        cluster.upstream_connection_options = Some(UpstreamConnectionOptions {
            tcp_keepalive: Some(TcpKeepalive {
                keepalive_probes: (keepalive.probes > 0).then_some(keepalive.probes),
                keepalive_time: keepalive.time.map(seconds),
                keepalive_interval: keepalive.interval.map(seconds),
            }),
            ..Default::default()
        });
    }
}

fn http_pool(http: &HttpSettings, cluster: &mut Cluster) {
    limit(cluster, |limits| &mut limits.max_pending_requests, http.http1_max_pending_requests);
    limit(cluster, |limits| &mut limits.max_requests, http.http2_max_requests);
    limit(cluster, |limits| &mut limits.max_retries, http.max_retries);
    if http.max_concurrent_streams > 0 {
        protocol::limit_streams(cluster, http.max_concurrent_streams);
    }
    if http.idle_timeout.is_none() && http.max_requests_per_connection == 0 {
        return;
    }
    let requests = http.max_requests_per_connection;
    protocol::change(cluster, |options| {
        options.common_http_protocol_options = Some(HttpProtocolOptions {
            idle_timeout: http.idle_timeout.map(duration),
            max_requests_per_connection: (requests > 0).then_some(requests),
            ..Default::default()
        });
    });
}

/// Retries in proportion to requests, instead of a fixed number (Istio reference,
/// `TrafficPolicy.RetryBudget`: 20% and at least 3).
fn retry_budget(budget: &RetryBudget, cluster: &mut Cluster) {
    let percent = budget.percent.unwrap_or(20.0);
    let least = if budget.min_retry_concurrency > 0 { budget.min_retry_concurrency } else { 3 };
    let thresholds = cluster.circuit_breakers.as_mut().and_then(|breakers| breakers.thresholds.first_mut());
    if let Some(thresholds) = thresholds {
        thresholds.max_retries = None;
        thresholds.retry_budget = Some(EnvoyRetryBudget {
            budget_percent: Some(Percent { value: percent }),
            min_retry_concurrency: Some(least),
            ..Default::default()
        });
    }
}

/// Zero means "not set", as in protobuf.
fn limit(
    cluster: &mut Cluster,
    field: impl Fn(&mut crate::envoy::cluster::circuit_breakers::Thresholds) -> &mut Option<u32>,
    value: u32,
) {
    let thresholds = cluster.circuit_breakers.as_mut().and_then(|breakers| breakers.thresholds.first_mut());
    if let Some(thresholds) = thresholds.filter(|_| value > 0) {
        *field(thresholds) = Some(value);
    }
}

/// Success rates never eject in Istio; each kind of consecutive error does when its count is set
/// and not zero.
fn outlier_detection(from: &OutlierDetection, cluster: &mut Cluster) {
    let enforce = |count: Option<u32>| count.map(|count| if count > 0 { 100 } else { 0 });
    let deprecated = (from.consecutive_errors > 0).then_some(from.consecutive_errors);
    let gateway = from.consecutive_gateway_errors.or(deprecated);
    let counted = |count: Option<u32>| count.filter(|count| *count > 0);
    let local = counted(from.consecutive_local_origin_failures);
    cluster.outlier_detection = Some(EnvoyOutlierDetection {
        consecutive_5xx: counted(from.consecutive_5xx_errors),
        enforcing_consecutive_5xx: enforce(from.consecutive_5xx_errors),
        consecutive_gateway_failure: counted(gateway),
        enforcing_consecutive_gateway_failure: enforce(gateway),
        enforcing_success_rate: Some(0),
        interval: from.interval.map(duration),
        base_ejection_time: from.base_ejection_time.map(duration),
        max_ejection_percent: (from.max_ejection_percent > 0).then_some(from.max_ejection_percent),
        split_external_local_origin_errors: from.split_external_local_origin_errors,
        consecutive_local_origin_failure: local,
        enforcing_consecutive_local_origin_failure: local.map(|_| 100),
        enforcing_local_origin_success_rate: from.split_external_local_origin_errors.then_some(0),
        ..Default::default()
    });
    // Below this share of healthy endpoints Envoy would ignore health; Istio's default is never to.
    cluster.common_lb_config.get_or_insert_with(CommonLbConfig::default).healthy_panic_threshold =
        Some(Percent { value: from.min_health_percent.into() });
}

fn balance(settings: &LoadBalancerSettings, cluster: &mut Cluster) {
    if let Some(hash) = &settings.consistent_hash {
        return consistent_hash(hash, cluster);
    }
    let policy = match settings.simple.unwrap_or_default() {
        SimpleLb::Unspecified | SimpleLb::LeastConn | SimpleLb::LeastRequest => LbPolicy::LeastRequest,
        SimpleLb::Random => LbPolicy::Random,
        SimpleLb::RoundRobin => LbPolicy::RoundRobin,
        SimpleLb::Passthrough => {
            let original = DiscoveryType::OriginalDst as i32;
            cluster.cluster_discovery_type = Some(ClusterDiscoveryType::Type(original));
            cluster.eds_cluster_config = None;
            LbPolicy::ClusterProvided
        }
    };
    cluster.lb_policy = policy as i32;
}

fn consistent_hash(hash: &ConsistentHashLb, cluster: &mut Cluster) {
    if let Some(maglev) = &hash.maglev {
        cluster.lb_policy = LbPolicy::Maglev as i32;
        let table_size = (maglev.table_size > 0).then_some(maglev.table_size);
        cluster.lb_config = Some(LbConfig::MaglevLbConfig(MaglevLbConfig { table_size }));
        return;
    }
    let configured = hash.ring_hash.as_ref().map_or(hash.minimum_ring_size, |ring| ring.minimum_ring_size);
    let size = if configured > 0 { configured } else { MINIMUM_RING_SIZE };
    cluster.lb_policy = LbPolicy::RingHash as i32;
    cluster.lb_config = Some(LbConfig::RingHashLbConfig(RingHashLbConfig {
        minimum_ring_size: Some(size),
        ..Default::default()
    }));
}
