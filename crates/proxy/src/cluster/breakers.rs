//! Circuit breakers: how many connections, waiting requests, requests and retries a cluster may
//! have at once (Envoy docs, "Circuit breaking").
//!
//! It must not know what is done with the permission.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering, fence};

use carrick_policy::balance::endpoint::EndpointCounters;
use carrick_policy::config::cluster::{Limits, RetryLimit};
use tokio::sync::Notify;

#[derive(Debug)]
pub(crate) struct Breakers {
    limits: Limits,
    connections: AtomicU32,
    pending: AtomicU32,
    retries: AtomicU32,
    /// A connection was closed, or is free for another request.
    freed: Notify,
}

/// Counts one connection, waiting request or retry until dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    breakers: Arc<Breakers>,
    counted: Counted,
}

#[derive(Debug)]
enum Counted {
    Connection(Arc<EndpointCounters>),
    Pending,
    Retry,
}

impl Breakers {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            connections: AtomicU32::new(0),
            pending: AtomicU32::new(0),
            retries: AtomicU32::new(0),
            freed: Notify::new(),
        }
    }

    pub fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }

    /// One more connection to this host. For requests, a host without any may always have one:
    /// those who wait for it would wait for ever (Envoy does the same).
    pub fn connection(self: &Arc<Self>, host: &Arc<EndpointCounters>, first_is_free: bool) -> Option<Permit> {
        if !take(&self.connections, self.limits.connections) {
            if !first_is_free || host.open() > 0 {
                return None;
            }
            self.connections.fetch_add(1, Ordering::AcqRel);
        }
        host.opened();
        Some(Permit { breakers: Arc::clone(self), counted: Counted::Connection(Arc::clone(host)) })
    }

    /// One more request that waits for a connection.
    pub fn pending(self: &Arc<Self>) -> Option<Permit> {
        let taken = take(&self.pending, self.limits.pending);
        fence(Ordering::SeqCst);
        taken.then(|| Permit { breakers: Arc::clone(self), counted: Counted::Pending })
    }

    /// One more retry, while so many requests are in progress.
    pub fn retry(self: &Arc<Self>, requests: u32) -> Option<Permit> {
        let limit = match self.limits.retries {
            RetryLimit::Count(limit) => limit,
            RetryLimit::Budget { percent, least } => {
                let busy = f64::from(requests) + f64::from(self.pending.load(Ordering::Relaxed));
                least.max((busy * percent / 100.0) as u32)
            }
        };
        take(&self.retries, limit).then(|| Permit { breakers: Arc::clone(self), counted: Counted::Retry })
    }

    /// A connection can be used, or one more made. Costs nothing where nobody waits.
    pub fn free(&self) {
        // With the fence in `pending`: either we see who waits, or they see what is free.
        fence(Ordering::SeqCst);
        if self.pending.load(Ordering::Relaxed) > 0 {
            self.freed.notify_waiters();
        }
    }

    /// Wakes when it is worth looking again for a connection.
    pub fn freed(&self) -> &Notify {
        &self.freed
    }
}

/// Counts one more, unless there are enough.
fn take(counter: &AtomicU32, limit: u32) -> bool {
    let more = |count: u32| (count < limit).then_some(count.saturating_add(1));
    counter.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
}

impl Drop for Permit {
    fn drop(&mut self) {
        let counter = match &self.counted {
            Counted::Connection(host) => {
                host.closed();
                &self.breakers.connections
            }
            Counted::Pending => &self.breakers.pending,
            Counted::Retry => &self.breakers.retries,
        };
        counter.fetch_sub(1, Ordering::AcqRel);
        if matches!(self.counted, Counted::Connection(_)) {
            self.breakers.free();
        }
    }
}

#[cfg(test)]
mod tests;
