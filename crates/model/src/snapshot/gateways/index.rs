//! Which Gateways configure a proxy, and which hosts a VirtualService gets of a server (Istio `model/gateway.go`).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::host;
use crate::resource::Resource;
use crate::resources::{Gateway, Server, labels_match};

/// Gateways with complete host namespaces, oldest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct GatewayIndex {
    all: Vec<Arc<Resource<Gateway>>>,
}

impl GatewayIndex {
    /// `all` come oldest first.
    pub fn build(all: &[Arc<Resource<Gateway>>]) -> GatewayIndex {
        let complete = |gateway: &Arc<Resource<Gateway>>| {
            let mut complete = Resource::clone(gateway);
            let namespace = complete.meta.namespace.clone();
            let hosts = complete.spec.servers.iter_mut().flat_map(|server| &mut server.hosts);
            hosts.for_each(|written| *written = complete_host(written, &namespace));
            Arc::new(complete)
        };
        GatewayIndex { all: all.iter().map(complete).collect() }
    }

    pub fn all(&self) -> &[Arc<Resource<Gateway>>] {
        &self.all
    }

    pub fn get(&self, name: &str) -> Option<&Arc<Resource<Gateway>>> {
        let (namespace, name) = name.split_once('/')?;
        self.all.iter().find(|gateway| gateway.meta.namespace == namespace && gateway.meta.name == name)
    }

    /// Those that select a proxy with these labels, from any namespace.
    pub fn selecting(&self, labels: &BTreeMap<String, String>) -> Vec<Arc<Resource<Gateway>>> {
        self.all.iter().filter(|gateway| labels_match(&gateway.spec.selector, labels)).cloned().collect()
    }
}

/// `./h` becomes `ns/h`; hosts are lower case.
fn complete_host(written: &str, namespace: &str) -> String {
    match written.split_once('/') {
        Some((".", name)) => format!("{namespace}/{}", host::canonical(name)),
        Some((of, name)) => format!("{of}/{}", host::canonical(name)),
        None => host::canonical(written),
    }
}

/// The hosts of a server without their namespaces.
pub fn server_hosts(server: &Server) -> impl Iterator<Item = &str> {
    server.hosts.iter().map(|written| written.split_once('/').map_or(written.as_str(), |(_, name)| name))
}

/// The hosts that a VirtualService of `namespace` with `hosts` serves at a server: of each overlapping pair the
/// narrower. Empty: the VirtualService does not bind to the server at all.
pub fn bound_hosts(server: &Server, namespace: &str, hosts: &[String]) -> Vec<String> {
    let admitted = server.hosts.iter().filter_map(|written| match written.split_once('/') {
        Some((of, name)) => (of == "*" || of == namespace).then_some(name),
        None => Some(written.as_str()),
    });
    let mut bound: Vec<String> = Vec::new();
    for declared in admitted {
        for narrower in hosts.iter().filter_map(|wanted| host::narrower(wanted, declared)) {
            if !bound.iter().any(|known| known == narrower) {
                bound.push(narrower.to_owned());
            }
        }
    }
    bound
}
