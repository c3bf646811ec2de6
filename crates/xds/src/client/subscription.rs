//! What a client wants of one kind of resource, and which versions of it the owner has accepted.

use std::collections::{BTreeMap, BTreeSet};

use crate::WILDCARD;

/// Names (perhaps [`WILDCARD`] among them) and accepted versions.
#[derive(Debug, Default)]
pub(super) struct Subscription {
    names: BTreeSet<String>,
    held: BTreeMap<String, String>,
    opened: bool,
}

/// What the first request of a kind on a stream says.
pub(super) struct Opening {
    pub names: Vec<String>,
    pub versions: BTreeMap<String, String>,
}

impl Subscription {
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub fn covers(&self, name: &str) -> bool {
        self.names.contains(name) || self.names.contains(WILDCARD)
    }

    /// Whether exactly this version is already in use.
    pub fn holds(&self, name: &str, version: &str) -> bool {
        self.held.get(name).is_some_and(|held| held == version)
    }

    /// Returns the names that are new.
    pub fn subscribe(&mut self, names: impl Iterator<Item = String>) -> Vec<String> {
        names.filter(|name| self.names.insert(name.clone())).collect()
    }

    /// Returns the names that were subscribed.
    pub fn unsubscribe<S: AsRef<str>>(&mut self, names: impl IntoIterator<Item = S>) -> Vec<String> {
        let gone: Vec<String> = names.into_iter().filter_map(|name| self.names.take(name.as_ref())).collect();
        if !gone.is_empty() && !self.names.contains(WILDCARD) {
            self.held.retain(|name, _| self.names.contains(name));
        }
        gone
    }

    pub fn hold(&mut self, name: String, version: String) {
        if self.covers(&name) {
            self.held.insert(name, version);
        }
    }

    pub fn drop_held(&mut self, name: &str) {
        self.held.remove(name);
    }

    pub fn stream_lost(&mut self) {
        self.opened = false;
    }

    /// What to say if nothing was said yet on this stream.
    pub fn open(&mut self) -> Option<Opening> {
        if std::mem::replace(&mut self.opened, true) {
            return None;
        }
        Some(Opening { names: self.names.iter().cloned().collect(), versions: self.held.clone() })
    }
}
