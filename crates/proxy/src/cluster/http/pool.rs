//! The connections of one cluster: idle HTTP/1.1 connections and shared HTTP/2 connections, by
//! host.
//!
//! The lock is held for moments, never while something is awaited. It must not know what requests
//! are about.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use carrick_policy::address::Address;
use carrick_policy::balance::endpoint::Endpoint;
use carrick_policy::config::tls::Alpn;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};

use super::Facts;
use super::http1::Http1;
use super::http2::{Http2, Lease};
use crate::cluster::UpstreamCluster;
use crate::cluster::breakers::Permit;
use crate::cluster::connect::{ConnectError, Upstream};

/// Idle connections are looked through this often for those to close.
const SWEEP: Duration = Duration::from_secs(5);

/// A connection may be used for requests with the same key only.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Host {
    pub(crate) address: Address,
    /// Where the TLS name follows the request's authority.
    pub(crate) authority: Option<Arc<str>>,
    /// Offered instead of what the cluster says.
    pub(crate) alpn: Option<Alpn>,
}

/// All connections of a cluster. Gone with the cluster, so that nothing outlives a configuration
/// that was taken back.
#[derive(Default)]
pub(crate) struct Pool {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    idle: HashMap<Host, Vec<Idle>>,
    http2: HashMap<Host, Vec<Http2>>,
    connecting: HashMap<Host, Connecting>,
    sweeping: bool,
}

struct Idle {
    connection: Box<Http1>,
    since: Instant,
}

/// An HTTP/2 connection that is being made, by a task of its own: it ends, and is filed, also when
/// all who waited for it have gone.
type Connecting = Shared<BoxFuture<'static, Result<(), Failed>>>;

/// Why there is no connection, in a form that everyone who waited for it can have.
#[derive(Debug, Clone)]
pub(crate) struct Failed {
    /// Envoy's words; empty for a timeout.
    pub(crate) reason: String,
    pub(crate) timeout: bool,
    pub(crate) overflow: bool,
}

impl From<ConnectError> for Failed {
    fn from(error: ConnectError) -> Self {
        Self {
            reason: error.transport_failure_reason(),
            timeout: error.is_timeout(),
            overflow: matches!(error, ConnectError::Overflow),
        }
    }
}

impl Failed {
    /// The cluster has as much to do as it may.
    fn overflow(cluster: &UpstreamCluster) -> Self {
        cluster.labels().stats.upstream_rq_pending_overflow.increment();
        Self { reason: String::new(), timeout: false, overflow: true }
    }
}

impl Failed {
    /// The process ends, and with it the task that connected.
    fn stopped() -> Self {
        Self { reason: "the proxy is stopping".to_owned(), timeout: false, overflow: false }
    }
}

impl From<hyper::Error> for Failed {
    fn from(error: hyper::Error) -> Self {
        Self { reason: error.to_string(), timeout: false, overflow: false }
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle connection that still lives, the most recently used first.
    pub(crate) fn take_http1(&self, host: &Host, secrets: u64) -> Option<Box<Http1>> {
        loop {
            let mut idle = self.lock().idle.get_mut(host)?.pop()?.connection;
            if idle.facts.is_current(secrets) && idle.is_ready() {
                return Some(idle);
            }
        }
    }

    /// Gives a connection back, if it can serve another request.
    pub(crate) fn put_http1(&self, cluster: &UpstreamCluster, host: Host, mut connection: Box<Http1>) {
        let secrets = cluster.secrets_version();
        let options = &cluster.config().http;
        let used_up =
            options.max_requests_per_connection.is_some_and(|max| max > 0 && connection.requests >= max);
        if used_up {
            cluster.labels().stats.upstream_cx_max_requests.increment();
        }
        if used_up || !connection.facts.is_current(secrets) || !connection.is_ready() {
            return;
        }
        let mut inner = self.lock();
        inner.idle.entry(host).or_default().push(Idle { connection, since: Instant::now() });
        let sweeping = std::mem::replace(&mut inner.sweeping, true);
        drop(inner);
        cluster.breakers().free();
        if !sweeping {
            self.sweep_from_now_on(cluster);
        }
    }

    /// Closes what has been idle for too long or was closed by the other side, until nothing is
    /// idle or the pool is gone.
    fn sweep_from_now_on(&self, cluster: &UpstreamCluster) {
        let limit = cluster.config().http.idle_timeout;
        let stats = cluster.labels().stats.clone();
        let inner = Arc::downgrade(&self.inner);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(
                    limit.map_or(SWEEP, |limit| limit.clamp(Duration::from_millis(20), SWEEP)),
                )
                .await;
                let Some(inner) = inner.upgrade() else { return };
                let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
                inner.idle.retain(|_, idle| {
                    idle.retain_mut(|idle| {
                        let late = limit.is_some_and(|limit| idle.since.elapsed() >= limit);
                        if late {
                            stats.upstream_cx_idle_timeout.increment();
                        }
                        !late && idle.connection.is_ready()
                    });
                    !idle.is_empty()
                });
                if inner.idle.is_empty() {
                    inner.sweeping = false;
                    return;
                }
            }
        });
    }

    /// A connection for one request: an idle one, or a new one; then the last word is true. If
    /// there are as many as there may be, the request waits for one.
    pub(crate) async fn acquire_http1(
        &self,
        cluster: &UpstreamCluster,
        endpoint: &Endpoint,
        host: &Host,
    ) -> Result<(Box<Http1>, bool), Failed> {
        let secrets = cluster.secrets_version();
        if let Some(idle) = self.take_http1(host, secrets) {
            return Ok((idle, false));
        }
        let _pending = cluster.breakers().pending().ok_or_else(|| Failed::overflow(cluster))?;
        loop {
            let mut freed = pin!(cluster.breakers().freed().notified());
            // From here on nothing is missed.
            freed.as_mut().enable();
            if let Some(idle) = self.take_http1(host, secrets) {
                return Ok((idle, false));
            }
            if let Some(permit) = cluster.breakers().connection(&endpoint.counters, true) {
                let (stream, facts) = open(cluster, endpoint, host, permit).await?;
                cluster.labels().stats.upstream_cx_http1_total.increment();
                return Ok((Box::new(Http1::handshake(stream, facts).await?), true));
            }
            freed.await;
        }
    }

    /// A connection of one's own, for what will not give it back.
    pub(crate) async fn connect_http1(
        &self,
        cluster: &UpstreamCluster,
        endpoint: &Endpoint,
        host: &Host,
    ) -> Result<Box<Http1>, Failed> {
        let _pending = cluster.breakers().pending().ok_or_else(|| Failed::overflow(cluster))?;
        let permit = cluster.breakers().connection(&endpoint.counters, true);
        let permit = permit.ok_or_else(|| Failed::overflow(cluster))?;
        let (stream, facts) = open(cluster, endpoint, host, permit).await?;
        cluster.labels().stats.upstream_cx_http1_total.increment();
        Ok(Box::new(Http1::handshake(stream, facts).await?))
    }

    /// A place on an HTTP/2 connection; one is made if none has room. Whoever comes while it is
    /// being made waits for it too.
    pub(crate) async fn lease_http2(
        &self,
        cluster: &Arc<UpstreamCluster>,
        endpoint: &Arc<Endpoint>,
        host: &Host,
    ) -> Result<(Http2, Lease, bool), Failed> {
        let secrets = cluster.secrets_version();
        let mut fresh = false;
        let mut pending = None;
        loop {
            let mut freed = pin!(cluster.breakers().freed().notified());
            freed.as_mut().enable();
            if let Some((connection, lease)) = self.existing_http2(host, secrets) {
                return Ok((connection, lease, fresh));
            }
            if pending.is_none() {
                pending = Some(cluster.breakers().pending().ok_or_else(|| Failed::overflow(cluster))?);
            }
            match self.connecting(cluster, endpoint, host) {
                Some(connecting) => {
                    connecting.await?;
                    fresh = true;
                }
                None => freed.await,
            }
        }
    }

    fn existing_http2(&self, host: &Host, secrets: u64) -> Option<(Http2, Lease)> {
        let mut inner = self.lock();
        let connections = inner.http2.get_mut(host)?;
        connections.retain(|connection| connection.is_open() && connection.facts().is_current(secrets));
        connections.iter().find_map(|connection| Some((connection.clone(), connection.lease()?)))
    }

    fn connecting(
        &self,
        cluster: &Arc<UpstreamCluster>,
        endpoint: &Arc<Endpoint>,
        host: &Host,
    ) -> Option<Connecting> {
        let mut inner = self.lock();
        if let Some(connecting) = inner.connecting.get(host) {
            return Some(connecting.clone());
        }
        let permit = cluster.breakers().connection(&endpoint.counters, true)?;
        let (cluster, endpoint) = (cluster.clone(), endpoint.clone());
        let target = host.clone();
        let pool = Arc::downgrade(&self.inner);
        let task = tokio::spawn(async move {
            let made = connect_http2(&cluster, &endpoint, &target, permit).await;
            // Without a pool nobody waits.
            let Some(pool) = pool.upgrade() else { return made.map(drop) };
            let mut pool = pool.lock().unwrap_or_else(PoisonError::into_inner);
            pool.connecting.remove(&target);
            pool.forget_closed();
            pool.http2.entry(target).or_default().push(made?);
            Ok(())
        });
        let connecting = task.map(|ended| ended.unwrap_or_else(|_| Err(Failed::stopped()))).boxed().shared();
        inner.connecting.insert(host.clone(), connecting.clone());
        Some(connecting)
    }
}

impl Inner {
    /// Where TLS names follow authorities, there may be a host for each name that was ever asked
    /// for.
    fn forget_closed(&mut self) {
        self.http2.retain(|_, connections| {
            connections.retain(Http2::is_open);
            !connections.is_empty()
        });
    }
}

async fn connect_http2(
    cluster: &Arc<UpstreamCluster>,
    endpoint: &Endpoint,
    host: &Host,
    permit: Permit,
) -> Result<Http2, Failed> {
    let (stream, facts) = open(cluster, endpoint, host, permit).await?;
    cluster.labels().stats.upstream_cx_http2_total.increment();
    Ok(Http2::handshake(stream, facts, cluster).await?)
}

impl Facts {
    fn is_current(&self, secrets: u64) -> bool {
        self.tls.is_none() || self.secrets == secrets
    }
}

async fn open(
    cluster: &UpstreamCluster,
    endpoint: &Endpoint,
    host: &Host,
    permit: Permit,
) -> Result<(Upstream, Arc<Facts>), Failed> {
    let secrets = cluster.secrets_version();
    let opened = cluster.open_with(permit, endpoint, host.authority.as_deref(), host.alpn.as_deref()).await?;
    let connect = Duration::from_micros(opened.connect_micros);
    let facts =
        Facts { remote: endpoint.address.clone(), local: opened.local, tls: opened.tls, connect, secrets };
    Ok((opened.stream, Arc::new(facts)))
}
