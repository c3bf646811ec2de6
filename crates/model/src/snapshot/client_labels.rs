//! Which labels of a client can change what it may call: those that a rule about clients names.
//! Clients that differ in no such label get the same configuration, so it need be made only once.

use std::collections::BTreeSet;

use super::Inventory;
use crate::resources::DestinationRule;

/// The keys that a `workloadSelector` (DestinationRule, Sidecar), a VirtualService's `sourceLabels`
/// or a DestinationRule's `failoverPriority` name.
pub(super) fn keys(inventory: &Inventory) -> BTreeSet<String> {
    let rules = inventory.destination_rules.iter().filter_map(|rule| rule.spec.workload_selector.as_ref());
    let sidecars = inventory.sidecars.iter().filter_map(|sidecar| sidecar.spec.workload_selector.as_ref());
    let routes = inventory.virtual_services.iter().flat_map(|service| {
        let http = service.spec.http.iter().flat_map(|route| &route.matches).map(|one| &one.source_labels);
        let tls = service.spec.tls.iter().flat_map(|route| &route.matches).map(|one| &one.source_labels);
        let tcp = service.spec.tcp.iter().flat_map(|route| &route.matches).map(|one| &one.source_labels);
        http.chain(tls).chain(tcp)
    });
    let labels = rules
        .map(|selector| &selector.match_labels)
        .chain(sidecars.map(|selector| &selector.labels))
        .chain(routes);
    let of_failover = inventory.destination_rules.iter().flat_map(|rule| failover_keys(&rule.spec));
    labels.flat_map(|labels| labels.keys().cloned()).chain(of_failover).collect()
}

/// Labels that a client's endpoints are ordered by.
fn failover_keys(rule: &DestinationRule) -> impl Iterator<Item = String> {
    let of_subsets = rule.subsets.iter().filter_map(|subset| subset.traffic_policy.as_ref());
    let balancers = rule.traffic_policy.iter().chain(of_subsets).flat_map(|policy| {
        let of_ports = policy.port_level_settings.iter().map(|port| &port.load_balancer);
        std::iter::once(&policy.load_balancer).chain(of_ports).flatten()
    });
    balancers.filter_map(|balancer| balancer.locality_lb_setting.as_ref()).flat_map(|setting| {
        setting.failover_priority.iter().map(|key| key.split('=').next().unwrap_or_default().to_owned())
    })
}
