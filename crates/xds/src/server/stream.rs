//! All kinds of resources on one stream, and the order in which their news goes out.
//!
//! It must not know whether the stream speaks delta or state-of-the-world.

use prost::Message;

use crate::pb::envoy::config::cluster::v3::Cluster;
use crate::pb::envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType};
use crate::resource::{ProxyResources, Resource, ResourceType};

use super::change::{Change, Gate, Style};
use super::kind::Kind;
use super::order;

#[derive(Debug)]
pub(super) struct Stream {
    /// In the order of [`ResourceType::ALL`].
    kinds: [Kind; 5],
    nonces: u64,
    /// The proxy came back with resources of an earlier stream, and may still use what it has not
    /// asked about yet.
    resumed: bool,
    /// The set that was followed last.
    current: Option<ProxyResources>,
}

/// A response to be written.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub kind: ResourceType,
    pub nonce: String,
    pub change: Change,
}

impl Stream {
    pub fn new(style: impl Fn(ResourceType) -> Style) -> Self {
        let kinds = ResourceType::ALL.map(|kind| Kind::new(kind, style(kind)));
        Self { kinds, nonces: 0, resumed: false, current: None }
    }

    pub fn kind(&self, kind: ResourceType) -> &Kind {
        &self.kinds[kind as usize]
    }

    pub fn kind_mut(&mut self, kind: ResourceType) -> &mut Kind {
        &mut self.kinds[kind as usize]
    }

    pub fn resumes(&mut self) {
        self.resumed = true;
    }

    /// The proxy should run a new set of resources.
    pub fn follow(&mut self, resources: &ProxyResources) {
        match self.current.replace(resources.clone()) {
            Some(before) => self.kinds.iter_mut().for_each(|kind| kind.follow(&before, resources)),
            // Requests may have come with any set before this one.
            None => self.kinds.iter_mut().for_each(|kind| kind.compare(resources)),
        }
    }

    /// Whether something is held back until the proxy answers, or asks for what it resumes.
    pub fn is_waiting(&self) -> bool {
        self.kinds.iter().any(Kind::holds_back)
    }

    /// Unanswered responses hold nothing back any more. Their answers are still understood.
    pub fn stop_waiting(&mut self) {
        self.resumed = false;
        self.kinds.iter_mut().for_each(Kind::stop_waiting);
    }

    /// Everything that may be sent now, in the order in which it has to be sent.
    pub fn flush(&mut self, resources: &ProxyResources) -> Vec<Outgoing> {
        self.kinds.iter_mut().for_each(|kind| kind.tidy(resources));
        let mut outgoing = Vec::new();
        for kind in ResourceType::ALL {
            let gate = self.gate(kind);
            let nonce = (self.nonces + 1).to_string();
            let Some(change) = self.kind_mut(kind).take(resources, gate, || nonce.clone()) else { continue };
            self.nonces += 1;
            if kind == ResourceType::Cluster {
                self.expect_endpoints(&change);
            }
            outgoing.push(Outgoing { kind, nonce, change });
        }
        outgoing
    }

    fn gate(&self, kind: ResourceType) -> Gate {
        let changes = order::changes_wait_for(kind).iter().all(|&other| !self.kind(other).awaits_answer());
        let removals = order::removals_wait_for(kind).iter().all(|&other| {
            let other = self.kind(other);
            other.is_quiet() && (other.opened() || !self.resumed)
        });
        Gate { changes, removals }
    }

    /// Envoy serves from a changed cluster only once it was sent the cluster's endpoints *after*
    /// the change, even if they are the same, and does not ask for names that it has subscribed
    /// already (envoyproxy/envoy#13009; Envoy docs, "Resource warming"). Routes need no such care:
    /// a listener uses the route configuration that Envoy already has.
    fn expect_endpoints(&mut self, change: &Change) {
        let names: Vec<String> = change.changed.iter().filter_map(|cluster| endpoints_of(cluster)).collect();
        let endpoints = self.kind_mut(ResourceType::Endpoint);
        names.into_iter().for_each(|name| endpoints.expect(name));
    }
}

/// The name under which a cluster subscribes to its endpoints, if it does.
fn endpoints_of(cluster: &Resource) -> Option<String> {
    let cluster = Cluster::decode(cluster.body.value.as_slice()).ok()?;
    if cluster.cluster_discovery_type != Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())) {
        return None;
    }
    let service_name = cluster.eds_cluster_config.map(|eds| eds.service_name).unwrap_or_default();
    Some(if service_name.is_empty() { cluster.name } else { service_name })
}
