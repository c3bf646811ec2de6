//! The traffic policy that holds for one port and subset (Istio `pilot/pkg/networking/util`).

use std::sync::Arc;

use crate::resource::{Meta, Resource};
use crate::resources::*;
use crate::visibility::ExportTo;

/// All DestinationRules of one namespace for one host, merged: the oldest rule's traffic policy,
/// and the subsets of all by name, the first one of a name winning.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectiveDestinationRule {
    /// The rules' host, complete; may be a wildcard.
    pub host: String,
    pub namespace: String,
    pub export_to: ExportTo,
    /// Only for client workloads with these labels, where present.
    pub workload_selector: Option<WorkloadSelector>,
    pub traffic_policy: Option<TrafficPolicy>,
    pub subsets: Vec<Subset>,
    /// The rules that went in, oldest first.
    pub rules: Vec<Arc<Resource<DestinationRule>>>,
}

/// The blocks that hold for one port and subset. `None` is the default, not "ask further".
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EffectivePolicy {
    pub load_balancer: Option<LoadBalancerSettings>,
    pub connection_pool: Option<ConnectionPoolSettings>,
    pub outlier_detection: Option<OutlierDetection>,
    pub tls: Option<ClientTlsSettings>,
    pub tunnel: Option<TunnelSettings>,
    pub proxy_protocol: Option<ProxyProtocol>,
    pub retry_budget: Option<RetryBudget>,
}

impl EffectiveDestinationRule {
    pub fn subset(&self, name: &str) -> Option<&Subset> {
        self.subsets.iter().find(|subset| subset.name == name)
    }

    /// The oldest of the rules, which stands for all of them.
    pub fn meta(&self) -> Option<&Meta> {
        self.rules.first().map(|rule| &rule.meta)
    }

    /// The policy for a *service* port, and for a subset if one is named.
    pub fn policy(&self, port: u16, subset: Option<&str>) -> EffectivePolicy {
        let mut policy = EffectivePolicy::default();
        policy.apply(self.traffic_policy.as_ref(), port);
        if let Some(subset) = subset.and_then(|name| self.subset(name)) {
            policy.apply(subset.traffic_policy.as_ref(), port);
        }
        policy
    }
}

impl EffectivePolicy {
    /// Lays a narrower traffic policy over this one: each block that it has replaces ours; a
    /// setting for this very port replaces four blocks wholesale, also with absence.
    fn apply(&mut self, narrower: Option<&TrafficPolicy>, port: u16) {
        let Some(policy) = narrower else { return };
        replace(&mut self.load_balancer, &policy.load_balancer);
        replace(&mut self.connection_pool, &policy.connection_pool);
        replace(&mut self.outlier_detection, &policy.outlier_detection);
        replace(&mut self.tls, &policy.tls);
        replace(&mut self.tunnel, &policy.tunnel);
        replace(&mut self.proxy_protocol, &policy.proxy_protocol);
        replace(&mut self.retry_budget, &policy.retry_budget);
        let of_port = |settings: &&PortTrafficPolicy| settings.port.is_some_and(|p| p.number == port);
        if let Some(settings) = policy.port_level_settings.iter().find(of_port) {
            self.load_balancer.clone_from(&settings.load_balancer);
            self.connection_pool.clone_from(&settings.connection_pool);
            self.outlier_detection.clone_from(&settings.outlier_detection);
            self.tls.clone_from(&settings.tls);
        }
    }
}

fn replace<T: Clone>(ours: &mut Option<T>, theirs: &Option<T>) {
    if theirs.is_some() {
        ours.clone_from(theirs);
    }
}
