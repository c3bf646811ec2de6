//! The tcp_proxy filter: to which cluster, and for how long.

use std::sync::Arc;
use std::time::Duration;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;
use carrick_xds::pb::envoy::extensions::filters::network::tcp_proxy::v3::tcp_proxy::weighted_cluster::ClusterWeight;
use carrick_xds::pb::envoy::extensions::filters::network::tcp_proxy::v3::tcp_proxy::{
    ClusterSpecifier, TcpAccessLogOptions, WeightedCluster,
};
use carrick_xds::pb::envoy::r#type::v3::HashPolicy;
use carrick_xds::pb::envoy::r#type::v3::hash_policy::{PolicySpecifier, SourceIp};

use crate::access_log::AccessLog;
use crate::config::optional_duration;
use crate::config::refuse::refuse;

#[derive(Debug)]
pub struct TcpProxyConfig {
    pub stat_prefix: String,
    pub target: Target,
    /// Without bytes either way for this long, the connection is closed; `None`: never.
    pub idle_timeout: Option<Duration>,
    /// However busy, the connection is closed after this.
    pub max_duration: Option<Duration>,
    /// How many hosts are tried.
    pub max_connect_attempts: u32,
    /// Hosts are chosen by the client's address, where the cluster chooses by hash.
    pub hash_source_ip: bool,
    pub access_log: Vec<Arc<AccessLog>>,
    /// The access log has a line for the connection as soon as it is established, and another one
    /// when it is over.
    pub log_on_connect: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Cluster(String),
    /// Names with the sums of the weights up to and including each; the last is the total, above 0.
    Weighted(Vec<(String, u64)>),
}

const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

impl TcpProxyConfig {
    pub fn from_proto(pb: &TcpProxy) -> Result<Self, FieldError> {
        let TcpProxy {
            stat_prefix,
            on_demand,
            metadata_match,
            idle_timeout,
            downstream_idle_timeout,
            upstream_idle_timeout,
            access_log,
            max_connect_attempts,
            backoff_options,
            hash_policy,
            tunneling_config,
            max_downstream_connection_duration,
            max_downstream_connection_duration_jitter_percentage,
            access_log_flush_interval,
            flush_access_log_on_connected,
            access_log_options,
            proxy_protocol_tlvs,
            proxy_protocol_tlv_merge_policy,
            upstream_connect_mode,
            max_early_data_bytes,
            check_drain_close,
            cluster_specifier,
        } = pb;
        refuse!(on_demand, metadata_match, downstream_idle_timeout, upstream_idle_timeout, backoff_options);
        refuse!(tunneling_config, max_downstream_connection_duration_jitter_percentage);
        refuse!(access_log_flush_interval, flush_access_log_on_connected, proxy_protocol_tlvs);
        refuse!(proxy_protocol_tlv_merge_policy, upstream_connect_mode, max_early_data_bytes);
        refuse!(check_drain_close);
        let target = match cluster_specifier {
            Some(ClusterSpecifier::Cluster(name)) if !name.is_empty() => Target::Cluster(name.clone()),
            Some(ClusterSpecifier::WeightedClusters(pb)) => {
                weighted(pb).map_err(|error| error.within("weighted_clusters"))?
            }
            _ => return Err(FieldError::new("cluster", "is required")),
        };
        let idle = optional_duration(idle_timeout.as_ref(), "idle_timeout")?;
        let attempts = max_connect_attempts.unwrap_or(1);
        if attempts == 0 {
            return Err(FieldError::new("max_connect_attempts", "must be at least 1"));
        }
        Ok(Self {
            log_on_connect: log_on_connect(access_log_options.as_ref())
                .map_err(|error| error.within("access_log_options"))?,
            stat_prefix: stat_prefix.clone(),
            target,
            idle_timeout: Some(idle.unwrap_or(DEFAULT_IDLE_TIMEOUT)).filter(|timeout| !timeout.is_zero()),
            max_duration: optional_duration(
                max_downstream_connection_duration.as_ref(),
                "max_downstream_connection_duration",
            )?,
            max_connect_attempts: attempts,
            access_log: AccessLog::several(access_log)?,
            hash_source_ip: hash_source_ip(hash_policy)?,
        })
    }
}

fn log_on_connect(pb: Option<&TcpAccessLogOptions>) -> Result<bool, FieldError> {
    let Some(pb) = pb else { return Ok(false) };
    let TcpAccessLogOptions {
        access_log_flush_interval,
        flush_access_log_on_connected,
        flush_access_log_on_start,
    } = pb;
    refuse!(access_log_flush_interval, flush_access_log_on_start);
    Ok(*flush_access_log_on_connected)
}

/// The only thing that Carrick knows to hash of a connection.
fn hash_source_ip(pb: &[HashPolicy]) -> Result<bool, FieldError> {
    match pb {
        [] => Ok(false),
        [HashPolicy { policy_specifier: Some(PolicySpecifier::SourceIp(SourceIp {})) }] => Ok(true),
        [HashPolicy { policy_specifier: Some(PolicySpecifier::FilterState(_)) }] => {
            Err(FieldError::new("hash_policy[0].filter_state", "is not implemented"))
        }
        _ => Err(FieldError::new("hash_policy", "exactly one is implemented, and only source_ip")),
    }
}

fn weighted(pb: &WeightedCluster) -> Result<Target, FieldError> {
    let mut sum = 0;
    let mut clusters = Vec::new();
    let WeightedCluster { clusters: weights } = pb;
    for (n, pb) in weights.iter().enumerate() {
        let (name, weight) = cluster_weight(pb).map_err(|error| error.within(format!("clusters[{n}]")))?;
        sum += u64::from(weight);
        clusters.push((name.to_owned(), sum));
    }
    if clusters.is_empty() {
        return Err(FieldError::new("clusters", "at least one is required"));
    }
    Ok(Target::Weighted(clusters))
}

fn cluster_weight(pb: &ClusterWeight) -> Result<(&str, u32), FieldError> {
    let ClusterWeight { name, weight, metadata_match } = pb;
    refuse!(metadata_match);
    if name.is_empty() {
        return Err(FieldError::new("name", "is required"));
    }
    if *weight == 0 {
        return Err(FieldError::new("weight", "must be at least 1"));
    }
    Ok((name, *weight))
}

impl Target {
    /// The cluster for one connection; `ticket` is any number, drawn at random.
    pub fn cluster(&self, ticket: u64) -> &str {
        match self {
            Self::Cluster(name) => name,
            Self::Weighted(clusters) => {
                let total = clusters.last().map_or(1, |(_, sum)| *sum);
                let slot = ticket % total;
                let index = clusters.partition_point(|(_, sum)| *sum <= slot);
                clusters.get(index).map_or("", |(name, _)| name)
            }
        }
    }
}
