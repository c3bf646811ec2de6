//! One HTTP/2 connection upstream, shared by many requests and driven by a task of its own.
//!
//! It must not know which pool it belongs to.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::body::RequestBody;
use super::{Facts, NoResponse};
use crate::cluster::UpstreamCluster;
use crate::cluster::breakers::Breakers;
use crate::cluster::connect::Upstream;
use crate::frames::EndCheck;
use crate::stats::ClusterStats;

/// An HTTP/2 connection; clones share it.
#[derive(Clone)]
pub(crate) struct Http2 {
    sender: SendRequest<RequestBody>,
    shared: Arc<Shared>,
    /// Ours.
    limit: u32,
    /// What the other side says that it takes (SETTINGS_MAX_CONCURRENT_STREAMS).
    taken_by_peer: Arc<AtomicU32>,
    /// How many more streams it may carry in all.
    left: Option<Arc<AtomicU32>>,
}

/// What the streams of a connection have in common.
#[derive(Debug)]
struct Shared {
    facts: Arc<Facts>,
    /// How many there are now.
    streams: AtomicU32,
    breakers: Arc<Breakers>,
    stats: Arc<ClusterStats>,
}

/// Counts one stream on its connection until dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    connection: Arc<Shared>,
    end: StreamEnd,
}

/// How a stream ends when it is let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamEnd {
    /// At its end, or with its connection, or it never began.
    Over,
    /// The upstream reset it.
    ResetByPeer,
    /// It is still open, and is reset by being let go.
    Reset,
}

impl Lease {
    pub(crate) fn facts(&self) -> &Facts {
        &self.connection.facts
    }

    pub(crate) fn ended(&mut self, end: StreamEnd) {
        self.end = end;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Shared { facts: _, streams, breakers, stats } = &*self.connection;
        match self.end {
            StreamEnd::Over => {}
            StreamEnd::ResetByPeer => stats.upstream_rq_rx_reset.increment(),
            StreamEnd::Reset => stats.upstream_rq_tx_reset.increment(),
        }
        streams.fetch_sub(1, Ordering::AcqRel);
        breakers.free();
    }
}

/// A connection with that many streams is left alone, and another one opened (Envoy's default).
const MAX_STREAMS: u32 = 1024;

impl Http2 {
    pub(crate) async fn handshake(
        stream: Upstream,
        facts: Arc<Facts>,
        cluster: &UpstreamCluster,
    ) -> Result<Self, hyper::Error> {
        let options = &cluster.config().http;
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .initial_stream_window_size(options.initial_stream_window_size.unwrap_or(1 << 20))
            .initial_connection_window_size(options.initial_connection_window_size.unwrap_or(4 << 20))
            .max_header_list_size(60 * 1024);
        let (sender, mut connection) = builder.handshake(TokioIo::new(EndCheck::client(stream))).await?;
        let limit = options.max_concurrent_streams.unwrap_or(MAX_STREAMS);
        let shared = Arc::new(Shared {
            facts,
            streams: AtomicU32::new(0),
            breakers: cluster.breakers().clone(),
            stats: cluster.labels().stats.clone(),
        });
        let taken_by_peer = Arc::new(AtomicU32::new(limit));
        let idle = options.idle_timeout;
        let (counted, peer) = (shared.clone(), taken_by_peer.clone());
        tokio::spawn(async move {
            let driven = std::future::poll_fn(|cx| {
                let ended = Pin::new(&mut connection).poll(cx);
                let taken = connection.current_max_send_streams();
                peer.store(u32::try_from(taken).unwrap_or(u32::MAX), Ordering::Release);
                ended
            });
            // An error ends every stream on it, and is reported there.
            tokio::select! {
                _ended = driven => {}
                () = idle_for(&counted.streams, idle) => counted.stats.upstream_cx_idle_timeout.increment(),
            }
        });
        let left = options.max_requests_per_connection.filter(|max| *max > 0);
        let left = left.map(|max| Arc::new(AtomicU32::new(max)));
        Ok(Self { sender, shared, limit, taken_by_peer, left })
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.shared.facts
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.sender.is_closed() && self.left.as_ref().is_none_or(|left| left.load(Ordering::Acquire) > 0)
    }

    /// A place for one more stream, if there is one.
    pub(crate) fn lease(&self) -> Option<Lease> {
        let limit = self.limit.min(self.taken_by_peer.load(Ordering::Acquire));
        let taken = self.shared.streams.fetch_update(Ordering::AcqRel, Ordering::Acquire, |streams| {
            (streams < limit.max(1)).then_some(streams + 1)
        });
        let lease = Lease { connection: taken.ok().map(|_| self.shared.clone())?, end: StreamEnd::Over };
        let spend = |left: &Arc<AtomicU32>| {
            let spent = left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
            if spent == Ok(1) {
                self.shared.stats.upstream_cx_max_requests.increment();
            }
            spent.is_ok()
        };
        self.left.as_ref().is_none_or(spend).then_some(lease)
    }

    pub(crate) async fn send(
        &mut self,
        request: Request<RequestBody>,
        lease: &mut Lease,
    ) -> Result<Response<Incoming>, (NoResponse, Option<Request<RequestBody>>)> {
        // From here on, whoever lets go of the stream resets it.
        lease.ended(StreamEnd::Reset);
        let sent = self.sender.try_send_request(request).await;
        sent.map_err(|mut error| {
            let (reason, request) = match error.take_message() {
                Some(request) => (NoResponse::NotSent, Some(request)),
                None => (NoResponse::from_hyper(error.error()), None),
            };
            lease.ended(reason.stream_end());
            (reason, request)
        })
    }
}

/// Returns when there has been no stream for that long; never, if there is no limit.
async fn idle_for(streams: &AtomicU32, idle: Option<Duration>) {
    let Some(idle) = idle else { return std::future::pending().await };
    // Looked at a few times per period: exact enough, and nothing to do per request.
    let step = (idle / 4).max(Duration::from_millis(50));
    let mut last_busy = Instant::now();
    loop {
        tokio::time::sleep(step).await;
        if streams.load(Ordering::Acquire) > 0 {
            last_busy = Instant::now();
        } else if last_busy.elapsed() >= idle {
            return;
        }
    }
}
