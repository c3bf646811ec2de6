//! Secrets in use: certificates with keys, and what peers are verified against. Each has a slot
//! that its users hold, and that follows every update, so that new handshakes use the new secret
//! while connections in flight go on.
//!
//! It must not know how secrets are fetched, nor how TLS uses them. Nothing here prints a key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::ArcSwapOption;
use carrick_policy::config::source::{GrpcSource, Source};
use carrick_policy::config::tls::NamedSecret;
use carrick_policy::secret::Secret;
use tokio::sync::watch;

/// Where a secret comes from (`None`: the bootstrap), and its name there.
type Key = (Option<Source>, String);

/// All secrets of the process.
#[derive(Debug)]
pub struct Secrets {
    slots: Mutex<BTreeMap<Key, Weak<SecretSlot>>>,
    /// The bootstrap's own, which stay whether used or not.
    fixed: Mutex<Vec<Arc<SecretSlot>>>,
    changes: watch::Sender<u64>,
}

impl Default for Secrets {
    fn default() -> Self {
        Self { slots: Mutex::default(), fixed: Mutex::default(), changes: watch::channel(0).0 }
    }
}

/// The place of one named secret; empty until it is delivered.
#[derive(Debug)]
pub struct SecretSlot {
    pub name: String,
    value: ArcSwapOption<Secret>,
}

impl SecretSlot {
    pub fn load(&self) -> Option<Arc<Secret>> {
        self.value.load_full()
    }
}

impl Secrets {
    /// The slot for this secret, shared with everyone who uses it. When the last user is gone it is
    /// no longer fetched.
    pub(crate) fn slot(&self, named: &NamedSecret) -> Arc<SecretSlot> {
        let source = named.fetch.as_ref().map(|fetch| fetch.source.clone());
        self.slot_of((source, named.name.clone()))
    }

    fn slot_of(&self, key: Key) -> Arc<SecretSlot> {
        let mut slots = lock(&self.slots);
        if let Some(slot) = slots.get(&key).and_then(Weak::upgrade) {
            return slot;
        }
        let slot = Arc::new(SecretSlot { name: key.1.clone(), value: ArcSwapOption::empty() });
        slots.insert(key, Arc::downgrade(&slot));
        slot
    }

    /// A secret of the bootstrap.
    pub(crate) fn add_fixed(&self, name: &str, secret: Secret) {
        let slot = self.slot_of((None, name.to_owned()));
        slot.value.store(Some(Arc::new(secret)));
        lock(&self.fixed).push(slot);
    }

    /// A fetched secret, new or renewed.
    pub(crate) fn set(&self, source: &Source, name: &str, secret: Secret) {
        let slot = lock(&self.slots).get(&(Some(source.clone()), name.to_owned())).and_then(Weak::upgrade);
        if let Some(slot) = slot {
            slot.value.store(Some(Arc::new(secret)));
            self.changes.send_modify(|n| *n += 1);
        }
    }

    /// The names that someone uses, of one source.
    pub(crate) fn wanted(&self, source: &Source) -> BTreeSet<String> {
        let mut slots = lock(&self.slots);
        slots.retain(|_, slot| slot.strong_count() > 0);
        let of_source = slots.keys().filter(|(from, _)| from.as_ref() == Some(source));
        of_source.map(|(_, name)| name.clone()).collect()
    }

    /// The servers of secrets, other than ADS, that someone uses.
    pub(crate) fn servers(&self) -> BTreeSet<GrpcSource> {
        let slots = lock(&self.slots);
        let used = slots.iter().filter(|(_, slot)| slot.strong_count() > 0);
        let servers = used.filter_map(|((source, _), _)| match source {
            Some(Source::Grpc(server)) => Some(server.clone()),
            _ => None,
        });
        servers.collect()
    }

    /// Rises with every fetched secret that is new or renewed.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Every secret that is in use and present, with its name, for `/certs` and `/config_dump`.
    pub fn all(&self) -> Vec<(String, Arc<Secret>)> {
        let slots: Vec<_> = lock(&self.slots).values().filter_map(Weak::upgrade).collect();
        slots.iter().filter_map(|slot| Some((slot.name.clone(), slot.load()?))).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
