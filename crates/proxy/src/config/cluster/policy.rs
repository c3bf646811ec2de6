//! Load balancing policies, in the old form (`lb_policy`) and the new (`load_balancing_policy`).

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::cluster::v3::Cluster;
use carrick_xds::pb::envoy::config::cluster::v3::cluster::common_lb_config::LocalityConfigSpecifier;
use carrick_xds::pb::envoy::config::cluster::v3::cluster::ring_hash_lb_config::HashFunction;
use carrick_xds::pb::envoy::config::cluster::v3::cluster::{LbConfig, LbPolicy, RingHashLbConfig};
use carrick_xds::pb::envoy::extensions::load_balancing_policies::common::v3::locality_lb_config::LocalityConfigSpecifier as NewSpecifier;
use carrick_xds::pb::envoy::extensions::load_balancing_policies::common::v3::{
    ConsistentHashingLbConfig as NewConsistentHashing, LocalityLbConfig,
};
use carrick_xds::pb::envoy::extensions::load_balancing_policies::least_request::v3::LeastRequest;
use carrick_xds::pb::envoy::extensions::load_balancing_policies::maglev::v3::Maglev;
use carrick_xds::pb::envoy::extensions::load_balancing_policies::random::v3::Random;
use carrick_xds::pb::envoy::extensions::load_balancing_policies::ring_hash::v3::RingHash;
use carrick_xds::pb::envoy::extensions::load_balancing_policies::ring_hash::v3::ring_hash::HashFunction as NewHashFunction;
use carrick_xds::pb::envoy::extensions::load_balancing_policies::round_robin::v3::RoundRobin;
use prost::Message;
use prost_types::Any;

use crate::config::supported::type_name;

/// How a host is chosen among those of a priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    RoundRobin,
    /// The least busy of `choices` hosts drawn at random.
    LeastRequest {
        choices: u32,
    },
    Random,
    /// By hash, on a ring with `least` to `most` points.
    RingHash {
        least: u64,
        most: u64,
        /// Hosts are placed by their host names instead of their addresses.
        by_name: bool,
    },
    /// By hash, in a table with `size` places.
    Maglev {
        size: u64,
        by_name: bool,
    },
}

pub(super) struct Choice {
    pub policy: Policy,
    pub by_locality: bool,
}

/// Envoy's default number of hosts that least-request compares.
const DEFAULT_CHOICES: u32 = 2;

/// `cluster_provided`: the cluster chooses hosts itself (ORIGINAL_DST).
pub(super) fn from_proto(pb: &Cluster, cluster_provided: bool) -> Result<Choice, FieldError> {
    if let Some(new) = pb.load_balancing_policy.as_ref() {
        let first = new.policies.first().and_then(|policy| policy.typed_extension_config.as_ref());
        let any = first.and_then(|config| config.typed_config.as_ref());
        let any = any.ok_or_else(|| FieldError::new("load_balancing_policy.policies", "one is required"))?;
        return new_form(any, cluster_provided)
            .map_err(|e| e.within("load_balancing_policy.policies[0].typed_extension_config.typed_config"));
    }
    let policy = match pb.lb_policy() {
        LbPolicy::ClusterProvided if !cluster_provided => {
            return Err(FieldError::new(
                "lb_policy",
                "CLUSTER_PROVIDED needs a cluster of type ORIGINAL_DST",
            ));
        }
        _ if cluster_provided => Policy::RoundRobin,
        LbPolicy::RoundRobin => Policy::RoundRobin,
        LbPolicy::Random => Policy::Random,
        LbPolicy::RingHash => {
            let config = match pb.lb_config.as_ref() {
                Some(LbConfig::RingHashLbConfig(config)) => *config,
                _ => RingHashLbConfig::default(),
            };
            old_ring_hash(&config, by_name(pb)?).map_err(|e| e.within("ring_hash_lb_config"))?
        }
        LbPolicy::Maglev => {
            let size = match pb.lb_config.as_ref() {
                Some(LbConfig::MaglevLbConfig(config)) => config.table_size,
                _ => None,
            };
            maglev(size, by_name(pb)?).map_err(|e| e.within("maglev_lb_config"))?
        }
        LbPolicy::LeastRequest => {
            let choices = match pb.lb_config.as_ref() {
                Some(LbConfig::LeastRequestLbConfig(config)) => config.choice_count,
                _ => None,
            };
            least_request(choices).map_err(|e| e.within("least_request_lb_config"))?
        }
        other => {
            let reason = format!("{} is not implemented", other.as_str_name());
            return Err(FieldError::new("lb_policy", reason));
        }
    };
    let common = pb.common_lb_config.as_ref().and_then(|common| common.locality_config_specifier.as_ref());
    let by_locality = matches!(common, Some(LocalityConfigSpecifier::LocalityWeightedLbConfig(_)));
    Ok(Choice { policy, by_locality })
}

fn new_form(any: &Any, cluster_provided: bool) -> Result<Choice, FieldError> {
    let bytes = any.value.as_slice();
    let broken = |error: prost::DecodeError| FieldError::new("", error.to_string());
    let name = type_name(any).strip_prefix("envoy.extensions.load_balancing_policies.").unwrap_or_default();
    let mut by_locality = false;
    let (policy, locality) = match name {
        "round_robin.v3.RoundRobin" => {
            (Policy::RoundRobin, RoundRobin::decode(bytes).map_err(broken)?.locality_lb_config)
        }
        "least_request.v3.LeastRequest" => {
            let config = LeastRequest::decode(bytes).map_err(broken)?;
            (least_request(config.choice_count)?, config.locality_lb_config)
        }
        "random.v3.Random" => (Policy::Random, Random::decode(bytes).map_err(broken)?.locality_lb_config),
        "ring_hash.v3.RingHash" => {
            let config = RingHash::decode(bytes).map_err(broken)?;
            by_locality = config.locality_weighted_lb_config.is_some();
            (new_ring_hash(&config)?, None)
        }
        "maglev.v3.Maglev" => {
            let config = Maglev::decode(bytes).map_err(broken)?;
            by_locality = config.locality_weighted_lb_config.is_some();
            let by_name = new_by_name(config.consistent_hashing_lb_config.as_ref())?;
            (maglev(config.table_size, by_name)?, None)
        }
        "cluster_provided.v3.ClusterProvided" if cluster_provided => (Policy::RoundRobin, None),
        _ => return Err(FieldError::new("", format!("{} is not implemented here", type_name(any)))),
    };
    Ok(Choice { policy, by_locality: by_locality || locality.as_ref().is_some_and(is_weighted) })
}

fn is_weighted(pb: &LocalityLbConfig) -> bool {
    matches!(pb.locality_config_specifier, Some(NewSpecifier::LocalityWeightedLbConfig(_)))
}

/// Envoy's defaults and limit.
const LEAST_POINTS: u64 = 1024;
const MOST_POINTS: u64 = 8 << 20;
const MAGLEV_SIZE: u64 = 65_537;
const LARGEST_MAGLEV: u64 = 5_000_011;

fn old_ring_hash(pb: &RingHashLbConfig, by_name: bool) -> Result<Policy, FieldError> {
    if pb.hash_function() != HashFunction::XxHash {
        return Err(FieldError::new("hash_function", "only XX_HASH is implemented"));
    }
    ring_hash(pb.minimum_ring_size, pb.maximum_ring_size, by_name)
}

fn new_ring_hash(pb: &RingHash) -> Result<Policy, FieldError> {
    if pb.hash_function() == NewHashFunction::MurmurHash2 {
        return Err(FieldError::new("hash_function", "only XX_HASH is implemented"));
    }
    let by_name = new_by_name(pb.consistent_hashing_lb_config.as_ref())? || pb.use_hostname_for_hashing;
    ring_hash(pb.minimum_ring_size, pb.maximum_ring_size, by_name)
}

fn ring_hash(least: Option<u64>, most: Option<u64>, by_name: bool) -> Result<Policy, FieldError> {
    let (least, most) = (least.unwrap_or(LEAST_POINTS), most.unwrap_or(MOST_POINTS));
    for (value, field) in [(least, "minimum_ring_size"), (most, "maximum_ring_size")] {
        if !(1..=MOST_POINTS).contains(&value) {
            return Err(FieldError::new(field, format!("{value} is not in 1 to {MOST_POINTS}")));
        }
    }
    if least > most {
        return Err(FieldError::new("minimum_ring_size", "must not be above maximum_ring_size"));
    }
    Ok(Policy::RingHash { least, most, by_name })
}

fn maglev(size: Option<u64>, by_name: bool) -> Result<Policy, FieldError> {
    let size = size.unwrap_or(MAGLEV_SIZE);
    if size > LARGEST_MAGLEV || !is_prime(size) {
        let reason = format!("{size} is not a prime number up to {LARGEST_MAGLEV}");
        return Err(FieldError::new("table_size", reason));
    }
    Ok(Policy::Maglev { size, by_name })
}

/// Whether hosts are placed by name.
fn by_name(pb: &Cluster) -> Result<bool, FieldError> {
    let common = pb.common_lb_config.as_ref();
    let Some(pb) = common.and_then(|common| common.consistent_hashing_lb_config.as_ref()) else {
        return Ok(false);
    };
    bounded(pb.hash_balance_factor)
        .map(|()| pb.use_hostname_for_hashing)
        .map_err(|e| e.within("consistent_hashing_lb_config").within("common_lb_config"))
}

fn new_by_name(pb: Option<&NewConsistentHashing>) -> Result<bool, FieldError> {
    let Some(pb) = pb else { return Ok(false) };
    bounded(pb.hash_balance_factor)
        .map(|()| pb.use_hostname_for_hashing)
        .map_err(|e| e.within("consistent_hashing_lb_config"))
}

fn bounded(factor: Option<u32>) -> Result<(), FieldError> {
    match factor.unwrap_or(0) {
        0 => Ok(()),
        _ => Err(FieldError::new("hash_balance_factor", "bounded loads are not implemented")),
    }
}

fn least_request(choices: Option<u32>) -> Result<Policy, FieldError> {
    let choices = choices.unwrap_or(DEFAULT_CHOICES);
    if choices < 2 {
        return Err(FieldError::new("choice_count", "must be at least 2"));
    }
    Ok(Policy::LeastRequest { choices })
}

/// Whether a table can have this size: only then does every host's walk reach every slot.
pub(crate) fn is_prime(n: u64) -> bool {
    n >= 2 && (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d))
}
