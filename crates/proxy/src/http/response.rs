//! Response bodies on their way downstream: streamed, counted, timed, and at their end the
//! connection they came over is given back.
//!
//! It must not know how the upstream was chosen.

use std::error::Error as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use carrick_policy::access_log::ResponseFlag;
use carrick_policy::balance::endpoint::Endpoint;
use carrick_policy::balance::outlier::Outcome;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;

use super::record::Record;
use crate::cluster::UpstreamCluster;
use crate::cluster::http::{Carrier, Host, StreamEnd};

/// The body of an answer, and the record of the request that it ends.
pub struct ResponseBody {
    source: Source,
    /// Gone once the request is recorded.
    record: Option<Box<Record>>,
}

enum Source {
    Fixed(Bytes),
    Upstream(Box<Relay>),
    Ended,
}

/// A body that is still arriving.
struct Relay {
    incoming: Incoming,
    carrier: Option<Carrier>,
    /// Why nothing more comes.
    broken: Option<Broken>,
    home: Home,
    limits: BodyLimits,
    /// Made when the body first has to be waited for.
    timer: Option<Pin<Box<Sleep>>>,
    last_frame: Instant,
}

/// A response that broke off, while what came before goes out.
struct Broken {
    error: hyper::Error,
    /// Over HTTP/2: when that is thought to be written.
    lingers: Option<Pin<Box<Sleep>>>,
}

/// How long the end of a broken response waits over HTTP/2. A reset takes along whatever is queued
/// before it (h2 `send_reset`), and no event tells when the queue is written.
const LINGER: Duration = Duration::from_millis(20);

/// Where an HTTP/1.1 connection goes back to.
pub(crate) struct Home {
    pub(crate) cluster: Arc<UpstreamCluster>,
    pub(crate) host: Host,
    /// Whose fault it is if the body breaks off.
    pub(crate) endpoint: Arc<Endpoint>,
}

/// How long a body may take.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BodyLimits {
    /// The end of the route's timeout.
    pub(crate) deadline: Option<Instant>,
    /// Without a frame in either direction.
    pub(crate) idle: Option<Duration>,
}

/// Why a body was broken off. Ends the downstream connection (HTTP/1.1) or stream (HTTP/2).
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("the upstream broke off: {0}")]
    Upstream(#[from] hyper::Error),
    #[error("the response took longer than the route allows")]
    Timeout,
    #[error("nothing moved for too long")]
    Idle,
}

impl ResponseBody {
    pub(crate) fn fixed(body: Bytes, mut record: Box<Record>) -> Self {
        record.entry.bytes_sent = body.len() as u64;
        Self { source: Source::Fixed(body), record: Some(record) }
    }

    /// Of an answer that is never sent: the record ends here.
    pub(crate) fn unsent(record: Box<Record>) -> Self {
        record.completed();
        Self::empty()
    }

    /// The record is kept by someone else: the tunnel after an upgrade.
    pub(crate) fn empty() -> Self {
        Self { source: Source::Ended, record: None }
    }

    pub(crate) fn relay(
        incoming: Incoming,
        carrier: Carrier,
        home: Home,
        limits: BodyLimits,
        record: Box<Record>,
    ) -> Self {
        let relay = Relay {
            incoming,
            carrier: Some(carrier),
            broken: None,
            home,
            limits,
            timer: None,
            last_frame: Instant::now(),
        };
        let mut body = Self { source: Source::Upstream(Box::new(relay)), record: Some(record) };
        if let Source::Upstream(relay) = &body.source
            && relay.incoming.is_end_stream()
        {
            body.finish();
        }
        body
    }

    /// All was received; the last frame, if any, is on its way down.
    fn finish(&mut self) {
        let source = std::mem::replace(&mut self.source, Source::Ended);
        if let Source::Upstream(relay) = source {
            relay.release();
        }
        if let Some(record) = self.record.take() {
            record.completed();
        }
    }

    fn fail(&mut self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Source::Upstream(relay) = &mut self.source {
            relay.blame(&error);
            relay.end_stream(&error);
        }
        if let Some(mut record) = self.record.take() {
            let (flag, details) = match &error {
                // The upstream ended in the midst of a message, or said what is no message.
                BodyError::Upstream(error) if is_stream_reset(error) => {
                    (ResponseFlag::UpstreamRemoteReset, "upstream_reset_after_response_started{remote_reset}")
                }
                BodyError::Upstream(error) if !is_reset(error) => (
                    ResponseFlag::UpstreamProtocolError,
                    "upstream_reset_after_response_started{protocol_error}",
                ),
                BodyError::Upstream(_) => (
                    ResponseFlag::UpstreamConnectionTermination,
                    "upstream_reset_after_response_started{connection_termination}",
                ),
                BodyError::Timeout => (ResponseFlag::UpstreamRequestTimeout, "response_timeout"),
                BodyError::Idle => (ResponseFlag::StreamIdleTimeout, "stream_idle_timeout"),
            };
            record.flag(flag);
            record.details(details);
        }
        self.source = Source::Ended;
        Poll::Ready(Some(Err(error)))
    }
}

/// Whether the upstream reset the stream, and not the connection.
fn is_stream_reset(error: &hyper::Error) -> bool {
    let h2 = error.source().and_then(|cause| cause.downcast_ref::<h2::Error>());
    h2.is_some_and(|h2| h2.is_reset() && h2.is_remote())
}

/// Whether the connection was reset, rather than ended where no message ends.
fn is_reset(error: &hyper::Error) -> bool {
    let io = error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>());
    let h2 = error.source().and_then(|cause| cause.downcast_ref::<h2::Error>());
    h2.is_some_and(|h2| !h2.is_library())
        || io.is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionReset)
}

impl Relay {
    /// Outlier detection hears of it.
    fn blame(&self, error: &BodyError) {
        let outcome = match error {
            BodyError::Upstream(_) => Outcome::Failed,
            BodyError::Timeout => Outcome::TimedOut,
            // Either side may have been the silent one.
            BodyError::Idle => return,
        };
        self.home.cluster.report(&self.home.endpoint, outcome);
    }

    /// What is let go without having been ended by the other side is reset by us.
    fn end_stream(&mut self, error: &BodyError) {
        if let (Some(Carrier::Http2 { lease }), BodyError::Upstream(error)) = (&mut self.carrier, error) {
            if is_stream_reset(error) {
                lease.ended(StreamEnd::ResetByPeer);
            } else if is_reset(error) {
                lease.ended(StreamEnd::Over);
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.carrier {
            Some(Carrier::Http1(connection)) => connection.poll_body(&mut self.incoming, cx),
            Some(Carrier::Http2 { .. } | Carrier::Detached) | None => {
                Pin::new(&mut self.incoming).poll_frame(cx)
            }
        }
    }

    /// Ready with the limit that was passed.
    fn poll_limits(&mut self, record: Option<&Record>, cx: &mut Context<'_>) -> Poll<BodyError> {
        loop {
            let upload =
                record.and_then(|record| record.progress.as_ref()).map(|progress| progress.last_frame());
            let moved = upload.map_or(self.last_frame, |upload| upload.max(self.last_frame));
            let idle = self.limits.idle.map(|idle| moved + idle);
            let Some(next) = [self.limits.deadline, idle].into_iter().flatten().min() else {
                return Poll::Pending;
            };
            let now = Instant::now();
            if self.limits.deadline.is_some_and(|deadline| now >= deadline) {
                return Poll::Ready(BodyError::Timeout);
            }
            if idle.is_some_and(|idle| now >= idle) {
                return Poll::Ready(BodyError::Idle);
            }
            let next = tokio::time::Instant::from_std(next);
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(next)));
            // A timer that fires early is only set anew: frames move the limit without touching the
            // timer.
            if timer.is_elapsed() {
                timer.as_mut().reset(next);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Trailers pass on HTTP/1.1 only where both sides allow them (Envoy docs, `enable_trailers`).
    fn passes_trailers(&self, record: Option<&Record>) -> bool {
        let from_http1 = matches!(self.carrier, Some(Carrier::Http1(_) | Carrier::Detached));
        let downstream = record.map(|record| &record.downstream);
        (!from_http1 || self.home.cluster.config().http.trailers)
            && downstream.is_none_or(|down| down.is_http2 || down.manager().http1.trailers)
    }

    fn release(self) {
        let Home { cluster, host, endpoint: _ } = self.home;
        match self.carrier {
            Some(Carrier::Http1(connection)) => cluster.http.pool.put_http1(&cluster, host, connection),
            Some(Carrier::Http2 { mut lease }) => lease.ended(StreamEnd::Over),
            Some(Carrier::Detached) | None => {}
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let relay = match &mut this.source {
            Source::Ended => return Poll::Ready(None),
            Source::Fixed(body) => {
                let body = std::mem::take(body);
                this.finish();
                return Poll::Ready((!body.is_empty()).then(|| Ok(Frame::data(body))));
            }
            Source::Upstream(relay) => relay,
        };
        if let Some(Broken { lingers: Some(lingers), .. }) = &mut relay.broken {
            std::task::ready!(lingers.as_mut().poll(cx));
        }
        if let Some(broken) = relay.broken.take() {
            return this.fail(broken.error.into());
        }
        let frame = match relay.poll(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                return match relay.poll_limits(this.record.as_deref(), cx) {
                    Poll::Ready(error) => this.fail(error),
                    Poll::Pending => Poll::Pending,
                };
            }
        };
        match frame {
            None => {
                this.finish();
                Poll::Ready(None)
            }
            // What came before the end goes out first: a client must be able to tell a broken
            // answer from none.
            Some(Err(error)) => {
                let is_http2 = this.record.as_ref().is_some_and(|record| record.downstream.is_http2);
                let lingers = is_http2.then(|| Box::pin(tokio::time::sleep(LINGER)));
                relay.broken = Some(Broken { error, lingers });
                // Polled again at once, which sets the timer if there is one.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Ok(frame)) if frame.is_trailers() && !relay.passes_trailers(this.record.as_deref()) => {
                this.finish();
                Poll::Ready(None)
            }
            Some(Ok(frame)) => {
                relay.last_frame = Instant::now();
                // Nothing follows trailers, but not every codec knows that yet.
                let ended = relay.incoming.is_end_stream() || frame.is_trailers();
                if let Some(record) = &mut this.record {
                    record.entry.bytes_sent += frame.data_ref().map_or(0, Bytes::len) as u64;
                    if let Some(trailers) = frame.trailers_ref() {
                        record.keep_trailers(trailers);
                    }
                }
                if ended {
                    // The codec may not ask again once it has all that was announced.
                    this.finish();
                }
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Ended => true,
            Source::Fixed(body) => body.is_empty(),
            Source::Upstream(relay) => relay.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Ended => SizeHint::with_exact(0),
            Source::Fixed(body) => SizeHint::with_exact(body.len() as u64),
            Source::Upstream(relay) => relay.incoming.size_hint(),
        }
    }
}

impl Drop for ResponseBody {
    /// A fixed body without bytes may never be asked for its frames.
    fn drop(&mut self) {
        if matches!(&self.source, Source::Fixed(body) if body.is_empty()) {
            self.finish();
        }
    }
}

use std::future::Future;
