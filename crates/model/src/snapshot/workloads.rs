//! The index of workloads: by pod name and by address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::inventory::Inventory;
use super::selection::LabelIndex;
use super::workload::{OWNER_ANNOTATION, PROXY_ANNOTATION, SOCKET_ANNOTATION, Workload};
use crate::mesh::MeshSettings;
use crate::resource::Resource;
use crate::resources::{Pod, TransportProtocol, WorkloadEntry, labels_match};

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct WorkloadIndex {
    all: Vec<Arc<Workload>>,
    by_name: BTreeMap<(String, String), usize>,
    by_ip: BTreeMap<IpAddr, usize>,
    by_label: LabelIndex,
}

impl WorkloadIndex {
    pub(crate) fn build(inventory: &Inventory, settings: &MeshSettings) -> WorkloadIndex {
        let running = inventory.pods.iter().filter(|pod| !is_finished(&pod.spec));
        let pods = running.map(|pod| of_pod(pod, settings));
        let entries = inventory.workload_entries.iter().map(|entry| of_entry(entry, settings));
        let mut index = WorkloadIndex::default();
        for workload in pods.chain(entries) {
            let position = index.all.len();
            for address in &workload.addresses {
                index.by_ip.entry(*address).or_insert(position);
            }
            index.by_label.push(&workload.labels);
            index.by_name.entry((workload.namespace.clone(), workload.name.clone())).or_insert(position);
            index.all.push(Arc::new(workload));
        }
        index
    }

    pub(crate) fn all(&self) -> &[Arc<Workload>] {
        &self.all
    }

    /// Those that have all of these labels, in any namespace.
    pub(crate) fn selected_by(
        &self,
        labels: &BTreeMap<String, String>,
    ) -> impl Iterator<Item = &Arc<Workload>> {
        let candidates = self.by_label.candidates(labels).map(|position| &self.all[position]);
        candidates.filter(move |workload| labels_match(labels, &workload.labels))
    }

    pub(crate) fn by_name(&self, namespace: &str, name: &str) -> Option<&Arc<Workload>> {
        self.by_name.get(&(namespace.to_owned(), name.to_owned())).map(|position| &self.all[*position])
    }

    pub(crate) fn by_ip(&self, address: IpAddr) -> Option<&Arc<Workload>> {
        self.by_ip.get(&address).map(|position| &self.all[*position])
    }
}

fn is_finished(pod: &Pod) -> bool {
    matches!(pod.status.phase.as_str(), "Succeeded" | "Failed")
}

fn of_pod(pod: &Resource<Pod>, settings: &MeshSettings) -> Workload {
    let Pod { spec, status } = &pod.spec;
    let written =
        std::iter::once(status.pod_ip.as_str()).chain(status.pod_ips.iter().map(|ip| ip.ip.as_str()));
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in written.filter_map(|ip| ip.parse().ok()) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    let ports = spec.containers.iter().flat_map(|container| &container.ports);
    let tcp = ports.filter(|port| port.protocol == TransportProtocol::Tcp);
    let annotation = |name: &str| pod.meta.annotations.get(name);
    Workload {
        name: pod.meta.name.clone(),
        namespace: pod.meta.namespace.clone(),
        meta: Arc::new(pod.meta.clone()),
        addresses,
        labels: pod.meta.labels.clone(),
        service_account: spec.account().to_owned(),
        owner: annotation(OWNER_ANNOTATION).unwrap_or(&pod.meta.name).clone(),
        socket: annotation(SOCKET_ANNOTATION).cloned(),
        is_gateway: annotation(PROXY_ANNOTATION).is_some_and(|kind| kind == "router"),
        cluster: settings.cluster.clone(),
        network: settings.network.clone(),
        locality: settings.region.clone(),
        ready: status.is_ready(),
        container_ports: tcp.map(|port| (port.name.clone(), port.container_port)).collect(),
    }
}

fn of_entry(entry: &Resource<WorkloadEntry>, settings: &MeshSettings) -> Workload {
    let WorkloadEntry { address, labels, network, locality, service_account, .. } = &entry.spec;
    let account = if service_account.is_empty() { "default" } else { service_account };
    Workload {
        name: entry.meta.name.clone(),
        namespace: entry.meta.namespace.clone(),
        meta: Arc::new(entry.meta.clone()),
        addresses: address.parse().into_iter().collect(),
        labels: labels.clone(),
        service_account: account.to_owned(),
        owner: entry.meta.name.clone(),
        socket: None,
        is_gateway: false,
        cluster: settings.cluster.clone(),
        network: network.clone(),
        locality: locality.clone(),
        ready: true,
        container_ports: Vec::new(),
    }
}
