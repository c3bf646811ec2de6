//! Which Gateways select a proxy.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::hosts::complete_host;
use crate::resource::Resource;
use crate::resources::{Gateway, labels_match};

/// Gateways with complete host namespaces, oldest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct GatewayIndex {
    all: Vec<Arc<Resource<Gateway>>>,
}

impl GatewayIndex {
    /// `all` come oldest first.
    pub(crate) fn build(all: &[Arc<Resource<Gateway>>]) -> GatewayIndex {
        let complete = |gateway: &Arc<Resource<Gateway>>| {
            let mut complete = Resource::clone(gateway);
            let namespace = complete.meta.namespace.clone();
            let hosts = complete.spec.servers.iter_mut().flat_map(|server| &mut server.hosts);
            hosts.for_each(|written| *written = complete_host(written, &namespace));
            Arc::new(complete)
        };
        GatewayIndex { all: all.iter().map(complete).collect() }
    }

    pub(crate) fn all(&self) -> &[Arc<Resource<Gateway>>] {
        &self.all
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Resource<Gateway>>> {
        let (namespace, name) = name.split_once('/')?;
        self.all.iter().find(|gateway| gateway.meta.namespace == namespace && gateway.meta.name == name)
    }

    /// Those that select a proxy with these labels, from any namespace.
    pub(crate) fn selecting(&self, labels: &BTreeMap<String, String>) -> Vec<Arc<Resource<Gateway>>> {
        self.all.iter().filter(|gateway| labels_match(&gateway.spec.selector, labels)).cloned().collect()
    }
}
