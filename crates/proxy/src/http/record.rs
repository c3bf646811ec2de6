//! One request from its head to its end: what is written down about it when it is over, however it
//! ends.
//!
//! It must not know how a request is forwarded.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use carrick_policy::access_log::{HttpLog, LogEntry, ResponseFlag};
use carrick_policy::balance::endpoint::ActiveGuard;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::downstream::Downstream;
use crate::cluster::Labels;
use crate::cluster::http::{Facts, Progress};
use crate::stats::{ClusterStats, Counter};

/// Follows one request. When it is dropped the request is over, and is logged, recorded and
/// counted.
pub(crate) struct Record {
    pub(crate) downstream: Arc<Downstream>,
    pub(crate) started: Instant,
    pub(crate) entry: LogEntry,
    pub(crate) progress: Option<Arc<Progress>>,
    /// What filters set on the answer, whoever gives it.
    pub(crate) answer_headers: Vec<(HeaderName, HeaderValue)>,
    upstream: Option<Labels>,
    /// Counts the request as active on its endpoint.
    guard: Option<ActiveGuard>,
    stage: Stage,
}

/// How far a request has got, as far as its end depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// There is no answer yet.
    Waiting,
    /// The upstream's answer is being passed on.
    Passing,
    /// What ended it, or how it is answered here, is written down.
    Explained,
    /// The answer was sent to its end.
    Complete,
}

impl Record {
    pub(crate) fn new(downstream: &Arc<Downstream>, http: HttpLog) -> Box<Self> {
        downstream.request_began();
        Box::new(Self {
            downstream: downstream.clone(),
            started: Instant::now(),
            entry: LogEntry {
                started: Some(SystemTime::now()),
                downstream: Some(downstream.info.clone()),
                http: Some(Box::new(http)),
                ..LogEntry::default()
            },
            progress: None,
            answer_headers: Vec::new(),
            upstream: None,
            guard: None,
            stage: Stage::Waiting,
        })
    }

    pub(crate) fn http(&mut self) -> &mut HttpLog {
        self.entry.http.get_or_insert_default()
    }

    pub(crate) fn flag(&mut self, flag: ResponseFlag) {
        self.entry.flags.set(flag);
    }

    pub(crate) fn details(&mut self, details: impl Into<Cow<'static, str>>) {
        self.entry.details = Some(details.into());
        self.stage = Stage::Explained;
    }

    /// The upstream's answer is passed on from now on.
    pub(crate) fn passes_on(&mut self) {
        self.entry.details = Some("via_upstream".into());
        self.stage = Stage::Passing;
    }

    /// The request now goes to this cluster.
    pub(crate) fn cluster(&mut self, labels: &Labels) {
        self.entry.upstream_cluster = Some(labels.name.clone());
        self.entry.cluster_rule.clone_from(&labels.rule);
        self.upstream = Some(labels.clone());
    }

    /// The request is now an attempt on this endpoint.
    pub(crate) fn attempt(&mut self, guard: ActiveGuard) {
        self.guard = Some(guard);
        self.http().attempts += 1;
        self.count_upstream(|stats| &stats.upstream_rq_total);
    }

    /// The request travels over this connection.
    pub(crate) fn connection(&mut self, facts: &Facts, fresh: bool, version: http::Version) {
        self.entry.upstream_host = Some(facts.remote.clone());
        self.entry.upstream_local = Some(facts.local);
        self.entry.upstream_tls.clone_from(&facts.tls);
        self.entry.upstream_connect = fresh.then_some(facts.connect);
        self.http().upstream_version = Some(version);
    }

    pub(crate) fn count_upstream(&self, counter: impl Fn(&ClusterStats) -> &Counter) {
        if let Some(labels) = &self.upstream {
            counter(&labels.stats).increment();
        }
    }

    /// Another attempt follows; what it meets is what is logged.
    pub(crate) fn forget_attempt(&mut self) {
        self.guard = None;
        self.entry.upstream_host = None;
        self.entry.upstream_local = None;
        self.entry.upstream_tls = None;
        self.entry.upstream_failure = None;
        self.entry.upstream_connect = None;
        self.entry.upstream_first_byte = None;
    }

    /// The head of the upstream's response is there. Returns how long it took, in milliseconds as
    /// the header wants it.
    pub(crate) fn first_byte(&mut self) -> u64 {
        let elapsed = self.started.elapsed();
        self.entry.upstream_first_byte = Some(elapsed);
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }

    /// The answer was sent to its end.
    pub(crate) fn completed(mut self: Box<Self>) {
        self.stage = Stage::Complete;
    }

    /// Keeps the headers that a log asks for.
    pub(crate) fn keep_request_headers(&mut self, headers: &HeaderMap) {
        let downstream = self.downstream.clone();
        let http = self.http();
        http.request_id = headers.get(carrick_policy::http::forwarded::X_REQUEST_ID).cloned();
        http.request_headers = keep(&downstream.manager().wanted.request, headers);
    }

    pub(crate) fn keep_response_headers(&mut self, headers: &HeaderMap) {
        let downstream = self.downstream.clone();
        self.http().response_headers = keep(&downstream.manager().wanted.response, headers);
    }

    pub(crate) fn keep_trailers(&mut self, trailers: &HeaderMap) {
        let downstream = self.downstream.clone();
        self.http().response_trailers = keep(&downstream.manager().wanted.trailers, trailers);
    }

    fn count(&self) {
        let stats = self.downstream.stats();
        stats.downstream_rq_completed.increment();
        stats.downstream_rq_time.record(self.entry.duration);
        let class = self.entry.response_code.map(|code| usize::from(code / 100).wrapping_sub(1));
        if let Some(counter) = class.and_then(|class| stats.downstream_rq_xx.get(class)) {
            counter.increment();
        }
        if self.entry.flags.has(ResponseFlag::NoRouteFound) {
            stats.no_route.increment();
        }
        if self.entry.flags.has(ResponseFlag::StreamIdleTimeout) {
            stats.downstream_rq_idle_timeout.increment();
        }
        if self.entry.flags.has(ResponseFlag::NoClusterFound) {
            stats.no_cluster.increment();
        }
        let Some(upstream) = &self.upstream else { return };
        upstream.stats.upstream_rq_completed.increment();
        if let Some(counter) = class.and_then(|class| upstream.stats.upstream_rq_xx.get(class)) {
            counter.increment();
        }
        if let Some(first_byte) = self.entry.upstream_first_byte {
            upstream.stats.upstream_rq_time.record(first_byte);
        }
    }
}

fn keep(wanted: &[HeaderName], headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    let value = |name: &HeaderName| Some((name.clone(), headers.get(name)?.clone()));
    wanted.iter().filter_map(value).collect()
}

impl Drop for Record {
    fn drop(&mut self) {
        self.entry.duration = self.started.elapsed();
        if let Some(progress) = &self.progress {
            self.entry.bytes_received = progress.bytes();
        }
        if matches!(self.stage, Stage::Waiting | Stage::Passing) {
            // The codec gave up on us: the client went away, or reset its stream.
            self.entry.flags.set(ResponseFlag::DownstreamConnectionTermination);
            self.entry.details = Some("downstream_remote_disconnect".into());
            self.downstream.stats().downstream_rq_rx_reset.increment();
        }
        self.count();
        self.downstream.request_ended();
        let mut entry = std::mem::take(&mut self.entry);
        self.downstream.service.logs.write(&entry);
        if let Some(http) = &mut entry.http {
            // What is kept for /flows must not keep whole heads in memory.
            http.request_headers = Vec::new();
            http.response_headers = Vec::new();
            http.response_trailers = Vec::new();
            http.request_id = http.request_id.take().map(|id| copy(&id));
        }
        self.downstream.env.flows.record(entry);
    }
}

/// A header value that no longer shares the buffer of the head that it came in.
fn copy(value: &HeaderValue) -> HeaderValue {
    HeaderValue::from_bytes(value.as_bytes()).unwrap_or(HeaderValue::from_static(""))
}
