//! A running workload: a pod with an address, or a WorkloadEntry.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::resource::Meta;

/// The annotation by which the local runtime names the socket that a pod calls its control plane
/// by. Whether the file that says it is the runtime's own is for the reader to ask.
pub const SOCKET_ANNOTATION: &str = "carrick.dev/socket";
/// The annotation by which the local runtime says what kind of proxy a pod has: `sidecar` or
/// `router`, as in Istio's node ids. It counts where the socket's does.
pub const PROXY_ANNOTATION: &str = "carrick.dev/proxy";
/// The label that Istio's injector puts on pods whose proxy speaks mutual TLS.
pub const TLS_MODE_LABEL: &str = "security.istio.io/tlsMode";
/// The annotation that names the owner of a pod (its Deployment).
pub const OWNER_ANNOTATION: &str = "carrick.dev/workload";

#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// The pod's (or WorkloadEntry's) name.
    pub name: String,
    pub namespace: String,
    pub meta: Arc<Meta>,
    pub addresses: Vec<IpAddr>,
    pub labels: BTreeMap<String, String>,
    /// `default` where none is named.
    pub service_account: String,
    /// The Deployment or the like that owns the pod; the pod's own name where unknown.
    pub owner: String,
    /// The socket that the pod calls its control plane by, in the local runtime.
    pub socket: Option<String>,
    /// Its proxy is a gateway's, in the local runtime.
    pub is_gateway: bool,
    pub cluster: String,
    pub network: String,
    /// `region/zone/subzone`.
    pub locality: String,
    pub ready: bool,
    /// Ports that the containers declare: name (may be empty) and number.
    pub container_ports: Vec<(String, u16)>,
}

impl Workload {
    /// `service.istio.io/canonical-name` and its stand-ins.
    pub fn canonical_name(&self) -> &str {
        let labels = ["service.istio.io/canonical-name", "app.kubernetes.io/name", "app"];
        labels.iter().find_map(|label| self.labels.get(*label)).unwrap_or(&self.owner)
    }

    /// `service.istio.io/canonical-revision` and its stand-ins.
    pub fn canonical_revision(&self) -> &str {
        let labels = ["service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"];
        labels.iter().find_map(|label| self.labels.get(*label)).map_or("latest", String::as_str)
    }

    /// The identity that this workload has in `trust_domain`.
    pub fn spiffe_id(&self, trust_domain: &str) -> String {
        format!("spiffe://{trust_domain}/ns/{}/sa/{}", self.namespace, self.service_account)
    }
}
