//! Translations of the newest snapshot, made once for all proxies that are told the same.
//!
//! It must not know who is connected, nor what a translation says.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use carrick_model::MeshSnapshot;
use carrick_translate::{Audience, NodeKind, ProxyNode, outbound, own};
use carrick_xds::ProxyResources;

/// An audience that nobody has asked for in so many versions is one of proxies that are gone.
const FORGOTTEN_AFTER: u64 = 16;

/// What was made for each audience, and of which version.
#[derive(Debug, Default)]
pub struct Translations {
    made: Mutex<BTreeMap<Audience, (u64, ProxyResources)>>,
}

impl Translations {
    /// Everything that one proxy should run. `version` is the snapshot's.
    pub fn of(&self, version: u64, snapshot: &MeshSnapshot, node: &ProxyNode) -> ProxyResources {
        let mut resources = match node.kind {
            NodeKind::Sidecar => self.shared(version, snapshot, node),
            NodeKind::Router => ProxyResources::default(),
        };
        resources.extend(own(snapshot, node));
        resources
    }

    /// Proxies of one audience come one after the other; the first one makes what all get.
    fn shared(&self, version: u64, snapshot: &MeshSnapshot, node: &ProxyNode) -> ProxyResources {
        let audience = Audience::from_node(snapshot, node);
        // An entry is replaced whole, so a panic of another thread leaves none half-made.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let before = made.get(&audience);
        if let Some((_, resources)) = before.filter(|(made_of, _)| *made_of == version) {
            return resources.clone();
        }
        let mut resources = outbound(snapshot, &audience);
        if let Some((_, before)) = before {
            resources.share_with(before);
        }
        made.retain(|_, (made_of, _)| *made_of + FORGOTTEN_AFTER > version);
        made.insert(audience, (version, resources.clone()));
        resources
    }
}

#[cfg(test)]
mod tests;
