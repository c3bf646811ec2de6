//! What the runtime tells a control plane: the running pods as `v1` Pods, as Kubernetes would show
//! them.
//!
//! It must not know how pods are made.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::pods::{PodSpec, Role};

/// A pod, its address, and the socket by which its processes call the control plane. What a proxy
/// says of itself counts for nothing beside this.
pub fn pod(spec: &PodSpec, address: Ipv4Addr, socket: &str) -> Value {
    let mut labels = spec.labels.clone();
    if spec.role.has_proxy() {
        labels.insert("security.istio.io/tlsMode".into(), "istio".into());
    }
    let proxy = spec.role.has_proxy().then_some("istio-proxy");
    let names = spec.containers.iter().map(|program| program.name.as_str()).chain(proxy);
    let mut containers: Vec<Value> = names.map(|name| json!({ "name": name })).collect();
    // Ports belong to the pod's network; which container declared one makes no difference.
    if let Some(first) = containers.first_mut() {
        let ports = spec.ports.iter().map(|(name, port)| json!({ "name": name, "containerPort": port }));
        first["ports"] = ports.collect();
    }
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": spec.name,
            "namespace": spec.namespace,
            "labels": labels,
            "annotations": {
                "carrick.dev/socket": socket,
                "carrick.dev/proxy": if spec.role == Role::Sidecar { "sidecar" } else { "router" },
                "carrick.dev/workload": spec.owner,
            },
        },
        "spec": { "serviceAccountName": spec.service_account, "containers": containers },
        "status": { "phase": "Running", "podIP": address.to_string() },
    })
}

/// Many pods as one text: JSON documents are YAML documents.
pub fn text(pods: &[Value]) -> String {
    pods.iter().map(|pod| format!("---\n{pod:#}\n")).collect()
}
