//! Near endpoints before far ones, or shares by place: a DestinationRule's `localityLbSetting`
//! (`pilot/pkg/networking/core/loadbalancer/loadbalancer.go`; Istio reference,
//! `LocalityLoadBalancerSetting`).

use std::collections::BTreeMap;

use carrick_model::resources::{LocalityDistribute, LocalityFailover, LocalityLbSetting};
use carrick_model::snapshot::{EffectivePolicy, Endpoint};

use crate::context::Context;
use crate::envoy::endpoint::LocalityLbEndpoints;

/// Further away than any endpoint of the region that traffic should fail over to.
const LAST: usize = 4;

/// How a client prefers some endpoints of a cluster over others.
pub(super) enum Preference<'a> {
    None,
    /// Shares of the client's requests by the endpoints' place.
    Distribute(&'a [LocalityDistribute]),
    /// The nearest first. Somebody must notice that an endpoint fails, so it needs outlier
    /// detection.
    Nearest(&'a [LocalityFailover]),
    /// Those with the most labels in common first.
    Labels(&'a [String]),
}

impl<'a> Preference<'a> {
    /// As the rule says; without its word, nearest first wherever failures are noticed (the default
    /// of MeshConfig `localityLbSetting`).
    pub(super) fn from_policy(policy: &'a EffectivePolicy) -> Self {
        let setting =
            policy.load_balancer.as_ref().and_then(|balancer| balancer.locality_lb_setting.as_ref());
        let notices = policy.outlier_detection.is_some();
        match setting {
            Some(LocalityLbSetting { enabled: Some(false), .. }) => Preference::None,
            Some(setting) if !setting.distribute.is_empty() => Preference::Distribute(&setting.distribute),
            _ if !notices => Preference::None,
            Some(setting) if !setting.failover_priority.is_empty() => {
                Preference::Labels(&setting.failover_priority)
            }
            Some(setting) => Preference::Nearest(&setting.failover),
            None => Preference::Nearest(&[]),
        }
    }

    /// The place of an endpoint in the client's order; less is better, and gaps mean nothing.
    pub(super) fn rank(&self, context: &Context<'_>, endpoint: &Endpoint) -> usize {
        let own = own_locality(context);
        match self {
            Preference::None | Preference::Distribute(_) => 0,
            Preference::Nearest(_) if own.is_empty() => 0,
            Preference::Nearest(failover) => by_distance(own, &endpoint.locality, failover),
            Preference::Labels(keys) => by_labels(context, endpoint, keys),
        }
    }

    /// Gives localities the weights of the client's own rule; those that it does not name get
    /// nothing.
    pub(super) fn weigh(&self, context: &Context<'_>, localities: &mut Vec<LocalityLbEndpoints>) {
        let Preference::Distribute(rules) = self else { return };
        let own = own_locality(context);
        let Some(rule) = rules.iter().find(|rule| covers(&rule.from, own)) else { return };
        let mut weights: BTreeMap<usize, u32> = BTreeMap::new();
        for (place, share) in &rule.to {
            let there: Vec<(usize, u64)> = localities
                .iter()
                .enumerate()
                .filter(|(index, group)| !weights.contains_key(index) && covers(place, &name_of(group)))
                .map(|(index, group)| (index, u64::from(group.load_balancing_weight.unwrap_or(1))))
                .collect();
            let total: u64 = there.iter().map(|(_, weight)| weight).sum();
            for (index, weight) in there {
                let part = (weight * u64::from(*share)).div_ceil(total.max(1));
                weights.insert(index, u32::try_from(part).unwrap_or(u32::MAX));
            }
        }
        for (index, group) in localities.iter_mut().enumerate() {
            group.load_balancing_weight = weights.get(&index).copied();
        }
        localities.retain(|group| group.load_balancing_weight.is_some_and(|weight| weight > 0));
    }

    /// Whether weights of localities count, which Envoy must be told.
    pub(super) fn weighs(&self) -> bool {
        matches!(self, Preference::Distribute(_))
    }
}

/// `region/zone/subzone` of the cluster, where all of its proxies stand; empty if unknown.
fn own_locality<'a>(context: &Context<'a>) -> &'a str {
    &context.settings().region
}

/// 0: same sub-zone, 1: same zone, 2: same region, 3: elsewhere, 4: elsewhere although the rule
/// names another region to go to.
fn by_distance(own: &str, other: &str, failover: &[LocalityFailover]) -> usize {
    let (own, other) = (parts(own), parts(other));
    let shared = own.iter().zip(&other).take_while(|(one, other)| one == other).count();
    if shared > 0 {
        return 3 - shared;
    }
    match failover.iter().find(|rule| rule.from == own[0]) {
        Some(rule) if rule.to != other[0] => LAST,
        _ => 3,
    }
}

/// How many of the labels, from the first one on, the endpoint does not share with the client.
fn by_labels(context: &Context<'_>, endpoint: &Endpoint, keys: &[String]) -> usize {
    let shared = keys.iter().take_while(|key| {
        let (name, wanted) = match key.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (key.as_str(), own_label(context, key)),
        };
        // A label that neither has is shared.
        endpoint_label(context, endpoint, name) == wanted
    });
    keys.len() - shared.count()
}

fn own_label(context: &Context<'_>, name: &str) -> Option<String> {
    let network = context.node.network.as_str();
    topology(name, own_locality(context), network, &context.settings().cluster)
        .or_else(|| context.node.labels.get(name).cloned())
}

fn endpoint_label(context: &Context<'_>, endpoint: &Endpoint, name: &str) -> Option<String> {
    topology(name, &endpoint.locality, &endpoint.network, &context.settings().cluster)
        .or_else(|| endpoint.labels.get(name).cloned())
}

/// Labels that say where something is; Istio knows them without anybody writing them.
fn topology(label: &str, locality: &str, network: &str, cluster: &str) -> Option<String> {
    let [region, zone, sub_zone] = parts(locality);
    let value = match label {
        "topology.kubernetes.io/region" => region,
        "topology.kubernetes.io/zone" => zone,
        "topology.istio.io/subzone" => sub_zone,
        "topology.istio.io/network" => network,
        "topology.istio.io/cluster" => cluster,
        _ => return None,
    };
    (!value.is_empty()).then(|| value.to_owned())
}

/// Whether a place such as `eu/*`, `eu/west` or `*` has this locality in it.
fn covers(place: &str, locality: &str) -> bool {
    let locality = parts(locality);
    place.split('/').zip(locality).all(|(wanted, part)| wanted == "*" || wanted == part)
}

fn parts(locality: &str) -> [&str; 3] {
    let mut parts = locality.splitn(3, '/');
    [(); 3].map(|()| parts.next().unwrap_or_default())
}

fn name_of(group: &LocalityLbEndpoints) -> String {
    let Some(locality) = &group.locality else { return String::new() };
    format!("{}/{}/{}", locality.region, locality.zone, locality.sub_zone)
}

#[cfg(test)]
mod tests;
