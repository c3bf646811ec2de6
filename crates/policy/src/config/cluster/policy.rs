//! Load balancing policies, in the old form (`lb_policy`) and the new (`load_balancing_policy`).

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::cluster::v3::cluster::common_lb_config::{
    ConsistentHashingLbConfig, LocalityConfigSpecifier, LocalityWeightedLbConfig,
};
use carrick_xds::pb::envoy::config::cluster::v3::cluster::ring_hash_lb_config::HashFunction;
use carrick_xds::pb::envoy::config::cluster::v3::cluster::{
    CommonLbConfig, LbConfig, LbPolicy, LeastRequestLbConfig, MaglevLbConfig, OriginalDstLbConfig,
    RingHashLbConfig, RoundRobinLbConfig,
};
use carrick_xds::pb::envoy::config::cluster::v3::load_balancing_policy::Policy as PolicyPb;
use carrick_xds::pb::envoy::config::cluster::v3::{Cluster, LoadBalancingPolicy};
use carrick_xds::pb::envoy::config::core::v3::TypedExtensionConfig;
use carrick_xds::pb::envoy::extensions::load_balancing_policies::cluster_provided::v3::ClusterProvided;
use carrick_xds::pb::envoy::extensions::load_balancing_policies::common::v3::locality_lb_config::{
    LocalityConfigSpecifier as NewSpecifier, LocalityWeightedLbConfig as NewLocalityWeighted,
};
use carrick_xds::pb::envoy::extensions::load_balancing_policies::common::v3::{
    ConsistentHashingLbConfig as NewConsistentHashing, LocalityLbConfig,
};
use carrick_xds::pb::envoy::extensions::load_balancing_policies::least_request::v3::LeastRequest;
use carrick_xds::pb::envoy::extensions::load_balancing_policies::maglev::v3::Maglev;
use carrick_xds::pb::envoy::extensions::load_balancing_policies::random::v3::Random;
use carrick_xds::pb::envoy::extensions::load_balancing_policies::ring_hash::v3::RingHash;
use carrick_xds::pb::envoy::extensions::load_balancing_policies::ring_hash::v3::ring_hash::HashFunction as NewHashFunction;
use carrick_xds::pb::envoy::extensions::load_balancing_policies::round_robin::v3::RoundRobin;
use prost_types::Any;

use crate::config::percent;
use crate::config::refuse::refuse;
use crate::config::typed::{decode_if, type_name};

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
    pub panic_percent: f64,
}

/// Envoy's default number of hosts that least-request compares.
const DEFAULT_CHOICES: u32 = 2;
/// Envoy's default of `healthy_panic_threshold`.
const PANIC_PERCENT: f64 = 50.0;

/// `cluster_provided`: the cluster chooses hosts itself (ORIGINAL_DST).
pub(super) fn from_proto(pb: &Cluster, cluster_provided: bool) -> Result<Choice, FieldError> {
    let absent = CommonLbConfig::default();
    let common = Common::from_proto(pb.common_lb_config.as_ref().unwrap_or(&absent))
        .map_err(|error| error.within("common_lb_config"))?;
    let by_name = common.by_name(pb.lb_policy()).map_err(|error| error.within("common_lb_config"))?;
    // Judged even where the new form decides: what is set and not obeyed is refused.
    let configured = pb.lb_config.as_ref().map(|config| old_config(config, by_name)).transpose()?;
    let (policy, by_locality) = match &pb.load_balancing_policy {
        Some(new) => new_policies(new, cluster_provided).map_err(|e| e.within("load_balancing_policy"))?,
        None => (old_form(pb.lb_policy(), configured, cluster_provided, by_name)?, common.by_locality),
    };
    Ok(Choice { policy, by_locality, panic_percent: common.panic_percent })
}

/// What all policies share.
struct Common<'a> {
    by_locality: bool,
    hashing: Option<&'a ConsistentHashingLbConfig>,
    panic_percent: f64,
}

impl<'a> Common<'a> {
    fn from_proto(pb: &'a CommonLbConfig) -> Result<Self, FieldError> {
        let CommonLbConfig {
            healthy_panic_threshold,
            consistent_hashing_lb_config,
            // Hosts are taken as they come; there are no active health checks to wait for, nor
            // statuses to override.
            update_merge_window: _,
            ignore_new_hosts_until_first_hc: _,
            override_host_status: _,
            close_connections_on_host_set_change,
            locality_config_specifier,
        } = pb;
        refuse!(close_connections_on_host_set_change);
        let by_locality = match locality_config_specifier {
            Some(LocalityConfigSpecifier::LocalityWeightedLbConfig(LocalityWeightedLbConfig {})) => true,
            // Needs a local cluster in the bootstrap; without one Envoy routes as if it were
            // absent.
            Some(LocalityConfigSpecifier::ZoneAwareLbConfig(_)) | None => false,
        };
        Ok(Self {
            by_locality,
            hashing: consistent_hashing_lb_config.as_ref(),
            panic_percent: percent(
                healthy_panic_threshold.as_ref(),
                "healthy_panic_threshold",
                PANIC_PERCENT,
            )?,
        })
    }

    /// Whether hosts are placed by name. Policies that place them nowhere do not look at it.
    fn by_name(&self, policy: LbPolicy) -> Result<bool, FieldError> {
        match (self.hashing, policy) {
            (Some(pb), LbPolicy::RingHash | LbPolicy::Maglev) => {
                old_by_name(pb).map_err(|e| e.within("consistent_hashing_lb_config"))
            }
            _ => Ok(false),
        }
    }
}

fn old_form(
    wanted: LbPolicy,
    configured: Option<Policy>,
    cluster_provided: bool,
    by_name: bool,
) -> Result<Policy, FieldError> {
    if cluster_provided {
        return Ok(Policy::RoundRobin);
    }
    // A configuration of another policy than the one that is chosen changes nothing.
    Ok(match (wanted, configured) {
        (LbPolicy::ClusterProvided, _) => {
            let reason = "CLUSTER_PROVIDED needs a cluster of type ORIGINAL_DST";
            return Err(FieldError::new("lb_policy", reason));
        }
        (LbPolicy::RoundRobin, _) => Policy::RoundRobin,
        (LbPolicy::Random, _) => Policy::Random,
        (LbPolicy::RingHash, Some(policy @ Policy::RingHash { .. })) => policy,
        (LbPolicy::RingHash, _) => ring_hash(None, None, by_name)?,
        (LbPolicy::Maglev, Some(policy @ Policy::Maglev { .. })) => policy,
        (LbPolicy::Maglev, _) => maglev(None, by_name)?,
        (LbPolicy::LeastRequest, Some(policy @ Policy::LeastRequest { .. })) => policy,
        (LbPolicy::LeastRequest, _) => least_request(None)?,
        (LbPolicy::LoadBalancingPolicyConfig, _) => {
            let reason = format!("{} is not implemented", wanted.as_str_name());
            return Err(FieldError::new("lb_policy", reason));
        }
    })
}

fn old_config(pb: &LbConfig, by_name: bool) -> Result<Policy, FieldError> {
    match pb {
        LbConfig::RingHashLbConfig(pb) => {
            old_ring_hash(pb, by_name).map_err(|e| e.within("ring_hash_lb_config"))
        }
        LbConfig::MaglevLbConfig(MaglevLbConfig { table_size }) => {
            maglev(*table_size, by_name).map_err(|e| e.within("maglev_lb_config"))
        }
        LbConfig::LeastRequestLbConfig(pb) => {
            old_least_request(pb).map_err(|e| e.within("least_request_lb_config"))
        }
        LbConfig::RoundRobinLbConfig(pb) => {
            old_round_robin(pb).map_err(|e| e.within("round_robin_lb_config"))
        }
        LbConfig::OriginalDstLbConfig(pb) => original_dst(pb).map_err(|e| e.within("original_dst_lb_config")),
    }
}

fn old_least_request(pb: &LeastRequestLbConfig) -> Result<Policy, FieldError> {
    let LeastRequestLbConfig { choice_count, active_request_bias, slow_start_config } = pb;
    refuse!(active_request_bias, slow_start_config);
    least_request(*choice_count)
}

fn old_round_robin(pb: &RoundRobinLbConfig) -> Result<Policy, FieldError> {
    let RoundRobinLbConfig { slow_start_config } = pb;
    refuse!(slow_start_config);
    Ok(Policy::RoundRobin)
}

fn original_dst(pb: &OriginalDstLbConfig) -> Result<Policy, FieldError> {
    // The header's name counts only where it is used.
    let OriginalDstLbConfig { http_header_name: _, use_http_header, upstream_port_override, metadata_key } =
        pb;
    refuse!(use_http_header, upstream_port_override, metadata_key);
    Ok(Policy::RoundRobin)
}

/// The first policy counts: Envoy takes the first that it knows, and one that is not known here is
/// refused.
fn new_policies(pb: &LoadBalancingPolicy, cluster_provided: bool) -> Result<(Policy, bool), FieldError> {
    let LoadBalancingPolicy { policies } = pb;
    let mut chosen = None;
    for (n, PolicyPb { typed_extension_config }) in policies.iter().enumerate() {
        let place = format!("policies[{n}].typed_extension_config.typed_config");
        // The name only labels the policy; the type of its configuration decides.
        let Some(TypedExtensionConfig { name: _, typed_config: Some(any) }) = typed_extension_config else {
            return Err(FieldError::new(place, "is required"));
        };
        let policy = new_form(any, cluster_provided).map_err(|error| error.within(place))?;
        chosen = chosen.or(Some(policy));
    }
    chosen.ok_or_else(|| FieldError::new("policies", "one is required"))
}

fn new_form(any: &Any, cluster_provided: bool) -> Result<(Policy, bool), FieldError> {
    if let Some(pb) = decode_if(any)? {
        return new_round_robin(&pb);
    }
    if let Some(pb) = decode_if(any)? {
        return new_least_request(&pb);
    }
    if let Some(Random { locality_lb_config }) = decode_if(any)? {
        return Ok((Policy::Random, by_locality(locality_lb_config.as_ref())));
    }
    if let Some(pb) = decode_if(any)? {
        return new_ring_hash(&pb);
    }
    if let Some(pb) = decode_if(any)? {
        return new_maglev(&pb);
    }
    match decode_if(any)? {
        Some(ClusterProvided {}) if cluster_provided => Ok((Policy::RoundRobin, false)),
        _ => Err(FieldError::new("", format!("{} is not implemented here", type_name(any)))),
    }
}

fn by_locality(pb: Option<&LocalityLbConfig>) -> bool {
    let Some(LocalityLbConfig { locality_config_specifier: Some(specifier) }) = pb else { return false };
    match specifier {
        NewSpecifier::LocalityWeightedLbConfig(NewLocalityWeighted {}) => true,
        NewSpecifier::ZoneAwareLbConfig(_) => false,
    }
}

fn new_round_robin(pb: &RoundRobin) -> Result<(Policy, bool), FieldError> {
    let RoundRobin { slow_start_config, locality_lb_config } = pb;
    refuse!(slow_start_config);
    Ok((Policy::RoundRobin, by_locality(locality_lb_config.as_ref())))
}

fn new_least_request(pb: &LeastRequest) -> Result<(Policy, bool), FieldError> {
    let LeastRequest {
        choice_count,
        active_request_bias,
        slow_start_config,
        locality_lb_config,
        enable_full_scan,
        selection_method,
    } = pb;
    refuse!(active_request_bias, slow_start_config, enable_full_scan, selection_method);
    Ok((least_request(*choice_count)?, by_locality(locality_lb_config.as_ref())))
}

fn new_maglev(pb: &Maglev) -> Result<(Policy, bool), FieldError> {
    let Maglev { table_size, consistent_hashing_lb_config, locality_weighted_lb_config } = pb;
    let by_name = new_by_name(consistent_hashing_lb_config.as_ref())?;
    Ok((maglev(*table_size, by_name)?, locality_weighted_lb_config.is_some()))
}

/// Envoy's defaults and limit.
const LEAST_POINTS: u64 = 1024;
const MOST_POINTS: u64 = 8 << 20;
const MAGLEV_SIZE: u64 = 65_537;
const LARGEST_MAGLEV: u64 = 5_000_011;

fn old_ring_hash(pb: &RingHashLbConfig, by_name: bool) -> Result<Policy, FieldError> {
    let RingHashLbConfig { minimum_ring_size, hash_function: _, maximum_ring_size } = pb;
    if pb.hash_function() != HashFunction::XxHash {
        return Err(FieldError::new("hash_function", "only XX_HASH is implemented"));
    }
    ring_hash(*minimum_ring_size, *maximum_ring_size, by_name)
}

fn new_ring_hash(pb: &RingHash) -> Result<(Policy, bool), FieldError> {
    let RingHash {
        hash_function: _,
        minimum_ring_size,
        maximum_ring_size,
        use_hostname_for_hashing,
        hash_balance_factor,
        consistent_hashing_lb_config,
        locality_weighted_lb_config,
    } = pb;
    refuse!(hash_balance_factor);
    if pb.hash_function() == NewHashFunction::MurmurHash2 {
        return Err(FieldError::new("hash_function", "only XX_HASH is implemented"));
    }
    let by_name = new_by_name(consistent_hashing_lb_config.as_ref())? || *use_hostname_for_hashing;
    let policy = ring_hash(*minimum_ring_size, *maximum_ring_size, by_name)?;
    Ok((policy, locality_weighted_lb_config.is_some()))
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

fn old_by_name(pb: &ConsistentHashingLbConfig) -> Result<bool, FieldError> {
    let ConsistentHashingLbConfig { use_hostname_for_hashing, hash_balance_factor } = pb;
    bounded(*hash_balance_factor)?;
    Ok(*use_hostname_for_hashing)
}

fn new_by_name(pb: Option<&NewConsistentHashing>) -> Result<bool, FieldError> {
    let convert = |pb: &NewConsistentHashing| {
        let NewConsistentHashing { use_hostname_for_hashing, hash_balance_factor, hash_policy } = pb;
        refuse!(hash_policy);
        bounded(*hash_balance_factor)?;
        Ok(*use_hostname_for_hashing)
    };
    let by_name = pb.map(convert).transpose();
    Ok(by_name.map_err(|e: FieldError| e.within("consistent_hashing_lb_config"))?.unwrap_or(false))
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
pub fn is_prime(n: u64) -> bool {
    n >= 2 && (2..).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d))
}
