//! Which labels of a client can change what it may call: those that a rule about clients names. Clients that differ in other labels
//! only are told the same, so their configuration need be made only once.

use std::collections::BTreeSet;

use super::Inventory;

/// The keys that a `workloadSelector` (DestinationRule, Sidecar) or a VirtualService's `sourceLabels` name.
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
    labels.flat_map(|labels| labels.keys().cloned()).collect()
}
