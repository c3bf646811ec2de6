//! Load balancing policies, in the old form (`lb_policy`) and the new (`load_balancing_policy`).

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::cluster::v3::Cluster;
use carrick_xds::pb::envoy::config::cluster::v3::cluster::common_lb_config::LocalityConfigSpecifier;
use carrick_xds::pb::envoy::config::cluster::v3::cluster::{LbConfig, LbPolicy};
use carrick_xds::pb::envoy::extensions::load_balancing_policies::common::v3::LocalityLbConfig;
use carrick_xds::pb::envoy::extensions::load_balancing_policies::common::v3::locality_lb_config::LocalityConfigSpecifier as NewSpecifier;
use carrick_xds::pb::envoy::extensions::load_balancing_policies::least_request::v3::LeastRequest;
use carrick_xds::pb::envoy::extensions::load_balancing_policies::random::v3::Random;
use carrick_xds::pb::envoy::extensions::load_balancing_policies::round_robin::v3::RoundRobin;
use prost::Message;
use prost_types::Any;

use crate::cluster::Policy;
use crate::config::supported::type_name;

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
    let (policy, locality) = match name {
        "round_robin.v3.RoundRobin" => {
            (Policy::RoundRobin, RoundRobin::decode(bytes).map_err(broken)?.locality_lb_config)
        }
        "least_request.v3.LeastRequest" => {
            let config = LeastRequest::decode(bytes).map_err(broken)?;
            (least_request(config.choice_count)?, config.locality_lb_config)
        }
        "random.v3.Random" => (Policy::Random, Random::decode(bytes).map_err(broken)?.locality_lb_config),
        "cluster_provided.v3.ClusterProvided" if cluster_provided => (Policy::RoundRobin, None),
        _ => return Err(FieldError::new("", format!("{} is not implemented here", type_name(any)))),
    };
    Ok(Choice { policy, by_locality: locality.as_ref().is_some_and(is_weighted) })
}

fn is_weighted(pb: &LocalityLbConfig) -> bool {
    matches!(pb.locality_config_specifier, Some(NewSpecifier::LocalityWeightedLbConfig(_)))
}

fn least_request(choices: Option<u32>) -> Result<Policy, FieldError> {
    let choices = choices.unwrap_or(DEFAULT_CHOICES);
    if choices < 2 {
        return Err(FieldError::new("choice_count", "must be at least 2"));
    }
    Ok(Policy::LeastRequest { choices })
}
