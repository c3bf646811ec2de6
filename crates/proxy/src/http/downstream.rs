//! The state of one downstream connection, as all of its requests share it.
//!
//! It must not know how the connection is served, nor what becomes of its requests.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

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
    pub(crate) env: Arc<ProxyEnv>,
    pub(crate) service: Arc<HttpService>,
    /// Begins when the process drains, or when this connection's listener was replaced or removed.
    pub(super) drain: Drain,
    pub(crate) is_http2: bool,
    pub(super) began: Instant,
    /// Held for moments.
    state: Mutex<State>,
    /// Whoever waits for the request in progress to end.
    waiting: AtomicWaker,
}

struct State {
    phase: Phase,
    /// Requests in progress.
    active: u32,
    /// All requests so far.
    requests: u32,
    /// When the last request ended.
    idle_since: Instant,
}

/// How far a connection has got. It goes on from above to below, never back.
#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Requests come and are answered.
    Open,
    /// The next answer says that it is the last (HTTP/1.1).
    Closing,
    /// It has changed its protocol: its bytes are not HTTP any more.
    Tunnel,
    Ended(End),
}

/// Why a connection ends without an answer to what came last (HTTP/1.1).
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    /// The client was gone before it could be answered.
    ClientGone,
    /// The client left in the midst of a head.
    BrokenOff,
    /// No request could be made of what came.
    Refused(Malformed),
}

impl Downstream {
    pub(super) fn new(
        info: Arc<ConnectionInfo>,
        service: &Arc<HttpService>,
        drain: Drain,
        env: Arc<ProxyEnv>,
        is_http2: bool,
    ) -> Self {
        let began = Instant::now();
        let state = State { phase: Phase::Open, active: 0, requests: 0, idle_since: began };
        Self {
            info,
            env,
            service: Arc::clone(service),
            drain,
            is_http2,
            began,
            state: Mutex::new(state),
            waiting: AtomicWaker::new(),
        }
    }

    pub(crate) fn manager(&self) -> &HttpManager {
        &self.service.manager
    }

    pub(crate) fn stats(&self) -> &HttpStats {
        &self.service.stats
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn request_began(&self) {
        let most = self.manager().limits.requests_per_connection;
        let mut state = self.state();
        state.active += 1;
        state.requests += 1;
        if most.is_some_and(|most| state.requests >= most) {
            state.close_after_answer();
        }
        drop(state);
        let stats = self.stats();
        stats.downstream_rq_total.increment();
        stats.downstream_rq_active.increment();
        match self.is_http2 {
            true => stats.downstream_rq_http2_total.increment(),
            false => stats.downstream_rq_http1_total.increment(),
        }
    }

    pub(crate) fn request_ended(&self) {
        let mut state = self.state();
        state.idle_since = Instant::now();
        state.active = state.active.saturating_sub(1);
        drop(state);
        self.stats().downstream_rq_active.decrement();
        self.waiting.wake();
    }

    /// Wakes when a request has ended.
    pub(super) fn wake_when_idle(&self, waker: &Waker) {
        self.waiting.register(waker);
    }

    /// The next answer is to say that it is the last.
    pub(crate) fn close_after_answer(&self) {
        self.state().close_after_answer();
    }

    pub(crate) fn closes_after_answer(&self) -> bool {
        matches!(self.state().phase, Phase::Closing)
    }

    /// From now on bytes are passed on as they are.
    pub(super) fn becomes_tunnel(&self) {
        let mut state = self.state();
        if matches!(state.phase, Phase::Open | Phase::Closing) {
            state.phase = Phase::Tunnel;
        }
    }

    pub(super) fn is_tunnel(&self) -> bool {
        matches!(self.state().phase, Phase::Tunnel)
    }

    /// The first reason counts.
    pub(super) fn ends(&self, end: End) {
        let mut state = self.state();
        if !matches!(state.phase, Phase::Ended(_)) {
            state.phase = Phase::Ended(end);
        }
    }

    pub(super) fn end(&self) -> Option<End> {
        match self.state().phase {
            Phase::Ended(end) => Some(end),
            Phase::Open | Phase::Closing | Phase::Tunnel => None,
        }
    }

    /// How many requests there have been.
    pub(super) fn requests(&self) -> u32 {
        self.state().requests
    }

    /// Whether no request is in progress.
    pub(super) fn is_idle(&self) -> bool {
        self.state().active == 0
    }

    /// Since when there has been no request, if there is none now.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let state = self.state();
        (state.active == 0).then_some(state.idle_since)
    }
}

impl State {
    fn close_after_answer(&mut self) {
        if matches!(self.phase, Phase::Open) {
            self.phase = Phase::Closing;
        }
    }
}
