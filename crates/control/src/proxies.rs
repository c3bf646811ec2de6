//! What the operator may know of connected proxies: whether each runs the newest configuration, and
//! what it refused.
//!
//! It must not know how configuration is made or sent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use carrick_api::control::{ProxyStatus, Refusal};
use carrick_xds::ResourceType;
use carrick_xds::server::Event;
use tokio::sync::watch;

/// All proxies that are connected now.
#[derive(Debug, Default)]
pub struct Proxies {
    inner: Mutex<Inner>,
    /// Rises with every change of what is refused.
    refusals: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    connections: BTreeMap<u64, ProxyStatus>,
}

/// Marks a proxy as connected until dropped.
#[derive(Debug)]
pub struct Connection {
    key: u64,
    proxies: Arc<Proxies>,
}

impl Proxies {
    pub fn connected(self: &Arc<Self>, node: &str, program: &str) -> Connection {
        let mut inner = self.lock();
        let key = inner.next;
        inner.next += 1;
        let status =
            ProxyStatus { node: node.into(), program: program.into(), sent: 0, refused: BTreeMap::new() };
        inner.connections.insert(key, status);
        Connection { key, proxies: self.clone() }
    }

    /// How often what is refused has changed.
    pub fn refusals(&self) -> watch::Receiver<u64> {
        self.refusals.subscribe()
    }

    pub fn list(&self) -> Vec<ProxyStatus> {
        self.lock().connections.values().cloned().collect()
    }

    /// Nothing is left half-done under the lock, so a panic of another thread does not spoil the
    /// table.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    pub fn sent(&self, version: u64) {
        self.change(|status| status.sent = version);
    }

    /// `causes` tells which of the operator's resources a refused one was made of.
    pub fn event(&self, event: Event, causes: impl Fn(ResourceType, &str) -> Vec<String>) {
        match event {
            Event::Nacked { kind, names, reason, .. } => {
                let refused: Vec<_> = names
                    .into_iter()
                    .map(|name| {
                        let refusal = Refusal { reason: reason.clone(), causes: causes(kind, &name) };
                        (key(kind, &name), refusal)
                    })
                    .collect();
                self.change(|status| {
                    for (what, Refusal { reason, causes }) in &refused {
                        tracing::warn!(
                            node = status.node,
                            what,
                            ?causes,
                            "the proxy refused its configuration: {reason}"
                        );
                    }
                    status.refused.extend(refused);
                });
                self.proxies.refusals.send_modify(|count| *count += 1);
            }
            Event::Acked { kind, names, .. } => {
                let mut mended = false;
                self.change(|status| {
                    mended =
                        names.iter().filter(|name| status.refused.remove(&key(kind, name)).is_some()).count()
                            > 0;
                });
                if mended {
                    self.proxies.refusals.send_modify(|count| *count += 1);
                }
            }
            Event::StaleNonce { .. } | Event::UnknownType { .. } => {}
        }
    }

    fn change(&self, step: impl FnOnce(&mut ProxyStatus)) {
        if let Some(status) = self.proxies.lock().connections.get_mut(&self.key) {
            step(status);
        }
    }
}

fn key(kind: ResourceType, name: &str) -> String {
    format!("{kind} {name}")
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.proxies.lock().connections.remove(&self.key);
    }
}

#[cfg(test)]
mod tests;
