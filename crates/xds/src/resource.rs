//! Named and versioned xDS resources, and the full set of them that one proxy should run.
//!
//! It must not know where resources come from, nor what a proxy does with them.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::Arc;

use prost::{Message, Name};
use sha2::{Digest, Sha256};

use crate::pb::envoy::config::cluster::v3::Cluster;
use crate::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use crate::pb::envoy::config::listener::v3::Listener;
use crate::pb::envoy::config::route::v3::RouteConfiguration;
use crate::pb::envoy::extensions::transport_sockets::tls::v3::Secret;

/// The name that subscribes to everything of a kind (Envoy docs, "How the client specifies what
/// resources to return").
pub const WILDCARD: &str = "*";

/// The five kinds of resource that Carrick speaks, in make-before-break order: a resource only ever
/// names resources of kinds that come before it here, except that listeners name routes (Envoy
/// docs, "Eventual consistency considerations").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceType {
    Secret,
    Cluster,
    Endpoint,
    Listener,
    Route,
}

impl ResourceType {
    pub const ALL: [Self; 5] = [Self::Secret, Self::Cluster, Self::Endpoint, Self::Listener, Self::Route];

    /// The type URL that names this kind on the wire.
    pub fn type_url(self) -> &'static str {
        match self {
            Self::Secret => "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
            Self::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Endpoint => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::Route => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        }
    }

    pub fn from_type_url(url: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.type_url() == url)
    }

    /// Whether a proxy may ask for "everything of this kind" without naming resources (only LDS and
    /// CDS, xDS protocol, "How the client specifies what resources to return").
    pub fn allows_wildcard(self) -> bool {
        matches!(self, Self::Listener | Self::Cluster)
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret => "secret",
            Self::Cluster => "cluster",
            Self::Endpoint => "endpoints",
            Self::Listener => "listener",
            Self::Route => "route",
        })
    }
}

/// One encoded resource. Its version is a digest of its bytes, so that equal content has an equal
/// version on every control plane and after every restart, and a proxy that reconnects is sent only
/// what differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    pub name: String,
    pub version: String,
    pub body: prost_types::Any,
}

impl Resource {
    pub fn new(kind: ResourceType, name: impl Into<String>, message: &impl Message) -> Self {
        let value = message.encode_to_vec();
        let version = hex::encode(&Sha256::digest(&value)[..8]);
        Self {
            name: name.into(),
            version,
            body: prost_types::Any { type_url: kind.type_url().into(), value },
        }
    }
}

/// One version for a whole set of named and versioned resources.
pub(crate) fn digest<'a>(versions: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut hash = Sha256::new();
    for (name, version) in versions {
        for part in [name, version] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    hex::encode(&hash.finalize()[..8])
}

/// Wraps a message with its type URL, as every `typed_config` field wants it.
pub fn any<M: Message + Name>(message: &M) -> prost_types::Any {
    prost_types::Any {
        type_url: format!("type.googleapis.com/{}", M::full_name()),
        value: message.encode_to_vec(),
    }
}

/// Everything that one proxy should run, by kind and name.
///
/// Resources are shared, and so are all those of one kind, so that a copy of the set costs next to
/// nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyResources {
    kinds: BTreeMap<ResourceType, Arc<ByName>>,
}

type ByName = BTreeMap<String, Arc<Resource>>;

impl ProxyResources {
    pub fn add_listener(&mut self, listener: &Listener) {
        self.insert(ResourceType::Listener, &listener.name, listener);
    }

    pub fn add_cluster(&mut self, cluster: &Cluster) {
        self.insert(ResourceType::Cluster, &cluster.name, cluster);
    }

    pub fn add_endpoints(&mut self, assignment: &ClusterLoadAssignment) {
        self.insert(ResourceType::Endpoint, &assignment.cluster_name, assignment);
    }

    pub fn add_route(&mut self, route: &RouteConfiguration) {
        self.insert(ResourceType::Route, &route.name, route);
    }

    pub fn add_secret(&mut self, secret: &Secret) {
        self.insert(ResourceType::Secret, &secret.name, secret);
    }

    fn insert(&mut self, kind: ResourceType, name: &str, message: &impl Message) {
        let resource = Resource::new(kind, name, message);
        Arc::make_mut(self.kinds.entry(kind).or_default()).insert(name.to_owned(), Arc::new(resource));
    }

    /// Adds another set; of two resources with one name, the other's is kept.
    pub fn extend(&mut self, other: Self) {
        for (kind, theirs) in other.kinds {
            match self.kinds.entry(kind) {
                Entry::Vacant(none) => {
                    none.insert(theirs);
                }
                Entry::Occupied(mut ours) => {
                    let theirs = theirs.iter().map(|(name, resource)| (name.clone(), resource.clone()));
                    Arc::make_mut(ours.get_mut()).extend(theirs);
                }
            }
        }
    }

    /// Takes from an earlier set whatever is equal, so that both hold it once and are quickly
    /// compared.
    pub fn share_with(&mut self, earlier: &Self) {
        for (kind, ours) in &mut self.kinds {
            let Some(theirs) = earlier.kinds.get(kind) else { continue };
            if ours == theirs {
                *ours = theirs.clone();
                continue;
            }
            for (name, resource) in Arc::make_mut(ours) {
                if let Some(same) = theirs.get(name).filter(|same| same.version == resource.version) {
                    *resource = same.clone();
                }
            }
        }
    }

    /// The names whose resource differs between the two sets, or is in one of them only.
    pub(crate) fn differences<'a>(&'a self, kind: ResourceType, other: &'a Self) -> Vec<&'a str> {
        let (ours, theirs) = (self.kinds.get(&kind), other.kinds.get(&kind));
        match (ours, theirs) {
            (Some(ours), Some(theirs)) if Arc::ptr_eq(ours, theirs) => return Vec::new(),
            _ => {}
        }
        let of = |set: Option<&'a Arc<ByName>>| set.into_iter().flat_map(|set| set.iter()).peekable();
        let (mut ours, mut theirs) = (of(ours), of(theirs));
        let mut found = Vec::new();
        loop {
            let order = match (ours.peek(), theirs.peek()) {
                (None, None) => return found,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((ours, _)), Some((theirs, _))) => ours.cmp(theirs),
            };
            let our = ours.next_if(|_| order.is_le());
            let their = theirs.next_if(|_| order.is_ge());
            match (our, their) {
                (Some((_, one)), Some((_, two))) if Arc::ptr_eq(one, two) || one.version == two.version => {}
                (Some((name, _)), _) | (None, Some((name, _))) => found.push(name),
                (None, None) => {}
            }
        }
    }

    pub fn get(&self, kind: ResourceType, name: &str) -> Option<&Resource> {
        self.shared(kind, name).map(Arc::as_ref)
    }

    pub(crate) fn shared(&self, kind: ResourceType, name: &str) -> Option<&Arc<Resource>> {
        self.kinds.get(&kind)?.get(name)
    }

    /// All resources of one kind, in name order.
    pub fn of(&self, kind: ResourceType) -> impl Iterator<Item = &Resource> {
        self.kinds.get(&kind).into_iter().flat_map(|set| set.values()).map(Arc::as_ref)
    }
}

#[cfg(test)]
mod tests;
