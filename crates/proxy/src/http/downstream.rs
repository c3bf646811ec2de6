//! The state of one downstream connection, as all of its requests share it.
//!
//! It must not know how the connection is served, nor what becomes of its requests.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time::{Duration, Instant};

use carrick_policy::connection::ConnectionInfo;
use carrick_policy::http::framing::head::Malformed;
use carrick_policy::http::manager::HttpManager;
use futures_util::task::AtomicWaker;

use super::tables::RouteSlot;
use crate::access_log::AccessLogs;
use crate::drain::Drain;
use crate::env::ProxyEnv;
use crate::stats::HttpStats;

/// What a filter chain serves HTTP with.
pub struct HttpService {
    pub(crate) manager: Arc<HttpManager>,
    pub(crate) routes: Arc<RouteSlot>,
    pub(crate) logs: AccessLogs,
    pub(crate) stats: Arc<HttpStats>,
}

/// What all requests of one downstream connection share.
pub(crate) struct Downstream {
    pub(crate) info: Arc<ConnectionInfo>,
    pub(crate) manager: Arc<HttpManager>,
    pub(crate) env: Arc<ProxyEnv>,
    pub(crate) service: Arc<HttpService>,
    pub(crate) stats: Arc<HttpStats>,
    /// Begins when the process drains, or when this connection's listener was replaced or removed.
    pub(super) drain: Drain,
    pub(crate) is_http2: bool,
    /// The next answer says that it is the last (HTTP/1.1).
    pub(crate) closing: AtomicBool,
    /// The connection has changed its protocol: its bytes are not HTTP any more.
    tunnel: AtomicBool,
    /// The client was gone before it could be answered (HTTP/1.1).
    gone: AtomicBool,
    /// The client left in the midst of a head.
    broken_off: AtomicBool,
    /// What no request could be made of.
    refused: OnceLock<Malformed>,
    /// Whoever waits for the request in progress to end.
    waiting: AtomicWaker,
    pub(super) began: Instant,
    active: AtomicU32,
    requests: AtomicU32,
    /// Milliseconds after `began` at which the last request ended.
    idle_since: AtomicU64,
}

impl Downstream {
    pub(super) fn new(
        info: Arc<ConnectionInfo>,
        service: &Arc<HttpService>,
        drain: Drain,
        env: Arc<ProxyEnv>,
        is_http2: bool,
    ) -> Self {
        Self {
            stats: Arc::clone(&service.stats),
            info,
            manager: Arc::clone(&service.manager),
            service: Arc::clone(service),
            env,
            drain,
            is_http2,
            closing: AtomicBool::new(false),
            tunnel: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            broken_off: AtomicBool::new(false),
            refused: OnceLock::new(),
            waiting: AtomicWaker::new(),
            began: Instant::now(),
            active: AtomicU32::new(0),
            requests: AtomicU32::new(0),
            idle_since: AtomicU64::new(0),
        }
    }

    pub(crate) fn request_began(&self) {
        self.active.fetch_add(1, Ordering::AcqRel);
        let requests = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        self.stats.downstream_rq_total.increment();
        self.stats.downstream_rq_active.increment();
        match self.is_http2 {
            true => self.stats.downstream_rq_http2_total.increment(),
            false => self.stats.downstream_rq_http1_total.increment(),
        }
        if self.manager.limits.requests_per_connection.is_some_and(|max| requests >= max) {
            self.closing.store(true, Ordering::Release);
        }
    }

    pub(crate) fn request_ended(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.idle_since.store(now, Ordering::Release);
        self.active.fetch_sub(1, Ordering::AcqRel);
        self.stats.downstream_rq_active.decrement();
        self.waiting.wake();
    }

    /// Wakes when a request has ended.
    pub(super) fn wake_when_idle(&self, waker: &Waker) {
        self.waiting.register(waker);
    }

    /// From now on bytes are passed on as they are.
    pub(super) fn becomes_tunnel(&self) {
        self.tunnel.store(true, Ordering::Release);
    }

    pub(super) fn is_tunnel(&self) -> bool {
        self.tunnel.load(Ordering::Acquire)
    }

    /// Nobody is there to be answered; the connection ends.
    pub(super) fn client_is_gone(&self) {
        self.gone.store(true, Ordering::Release);
    }

    pub(super) fn is_client_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// No request was made of what came last.
    pub(super) fn head_broke_off(&self) {
        self.broken_off.store(true, Ordering::Release);
    }

    pub(super) fn has_broken_off(&self) -> bool {
        self.broken_off.load(Ordering::Acquire)
    }

    /// Why the connection ends without a request being made of what came.
    pub(super) fn refused(&self) -> Option<&Malformed> {
        self.refused.get()
    }

    pub(super) fn refuse(&self, malformed: Malformed) {
        // The first one ends the connection.
        let _ = self.refused.set(malformed);
    }

    /// How many requests there have been.
    pub(super) fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Whether no request is in progress.
    pub(super) fn is_idle(&self) -> bool {
        self.active.load(Ordering::Acquire) == 0
    }

    /// Since when there has been no request, if there is none now.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.is_idle().then(|| self.began + Duration::from_millis(self.idle_since.load(Ordering::Acquire)))
    }
}
