//! Request bodies on their way upstream: streamed frame by frame, counted, and if a retry may need
//! it, remembered.
//!
//! It must not know who reads the body.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::Notify;

use super::tee::{Abandoned, Branch, Tee};

/// A body is remembered for retries up to this size; a larger one is sent once.
const REPLAY_LIMIT: usize = 64 * 1024;

/// How far a request body has got; shared with whoever logs it and watches its time.
#[derive(Debug)]
pub(crate) struct Progress {
    started: Instant,
    bytes: AtomicU64,
    /// Microseconds after `started` of the last frame.
    touched: AtomicU64,
    complete: AtomicBool,
    completed: Notify,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            bytes: AtomicU64::new(0),
            touched: AtomicU64::new(0),
            complete: AtomicBool::new(false),
            completed: Notify::new(),
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.complete.load(Ordering::Acquire)
    }

    pub(crate) fn last_frame(&self) -> Instant {
        self.started + Duration::from_micros(self.touched.load(Ordering::Relaxed))
    }

    /// Returns when all of the body has been read from the client.
    pub(crate) async fn completed(&self) {
        while !self.is_complete() {
            let notified = self.completed.notified();
            if self.is_complete() {
                return;
            }
            notified.await;
        }
    }

    fn saw(&self, frame: &Frame<Bytes>) {
        if let Some(data) = frame.data_ref() {
            self.bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
        }
        let now = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.touched.store(now, Ordering::Relaxed);
    }

    fn complete(&self) {
        self.complete.store(true, Ordering::Release);
        self.completed.notify_waiters();
    }
}

/// The body of an upstream request.
#[derive(Debug)]
pub(crate) enum RequestBody {
    Empty,
    Once(Source),
    /// A copy of a body that another request reads.
    Branch(Branch),
    /// One reading of a body that can be read again.
    Again {
        replay: Arc<Replay>,
        next: usize,
    },
}

/// A client's body, counted.
#[derive(Debug)]
pub(crate) struct Source {
    incoming: Incoming,
    progress: Arc<Progress>,
    /// Mirrored requests, which get it too.
    tees: Vec<Tee>,
    /// Whether trailers go on.
    trailers: bool,
}

/// Why a request body broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyFailed {
    #[error("the client broke off: {0}")]
    Client(#[from] hyper::Error),
    #[error(transparent)]
    Abandoned(#[from] Abandoned),
}

impl Source {
    pub(crate) fn new(incoming: Incoming, progress: Arc<Progress>, tees: Vec<Tee>, trailers: bool) -> Self {
        Self { incoming, progress, tees, trailers }
    }

    fn complete(&mut self) {
        self.progress.complete();
        self.tees.iter_mut().for_each(Tee::complete);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFailed>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) if frame.is_trailers() && !self.trailers => {
                self.complete();
                return Poll::Ready(None);
            }
            Some(Ok(frame)) => {
                self.progress.saw(frame);
                self.tees.iter_mut().for_each(|tee| tee.saw(frame));
                if self.incoming.is_end_stream() {
                    self.complete();
                }
            }
            None => self.complete(),
            Some(Err(_)) => self.tees.clear(),
        }
        Poll::Ready(frame.map(|frame| frame.map_err(BodyFailed::from)))
    }
}

/// A body that is remembered while it is read, as long as it is small.
#[derive(Debug)]
pub(crate) struct Replay {
    state: Mutex<ReplayState>,
}

#[derive(Debug)]
struct ReplayState {
    source: Source,
    frames: VecDeque<Remembered>,
    size: usize,
    /// Grew beyond the limit: it cannot be read again.
    overflowed: bool,
    ended: bool,
}

#[derive(Debug, Clone)]
enum Remembered {
    Data(Bytes),
    Trailers(HeaderMap),
}

impl Replay {
    pub(crate) fn new(source: Source) -> Arc<Self> {
        let state = ReplayState { source, frames: VecDeque::new(), size: 0, overflowed: false, ended: false };
        Arc::new(Self { state: Mutex::new(state) })
    }

    /// Whether another attempt would send the whole body.
    pub(crate) fn can_repeat(&self) -> bool {
        !self.lock().overflowed
    }

    pub(crate) fn read(self: &Arc<Self>) -> RequestBody {
        RequestBody::Again { replay: self.clone(), next: 0 }
    }

    fn lock(&self) -> MutexGuard<'_, ReplayState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReplayState {
    fn poll(
        &mut self,
        next: &mut usize,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailed>>> {
        if !self.overflowed && *next < self.frames.len() {
            let frame = match self.frames[*next].clone() {
                Remembered::Data(data) => Frame::data(data),
                Remembered::Trailers(trailers) => Frame::trailers(trailers),
            };
            *next += 1;
            return Poll::Ready(Some(Ok(frame)));
        }
        if self.ended {
            return Poll::Ready(None);
        }
        let frame = ready!(self.source.poll(cx));
        match &frame {
            Some(Ok(frame)) => self.remember(frame, next),
            None => self.ended = true,
            Some(Err(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn remember(&mut self, frame: &Frame<Bytes>, next: &mut usize) {
        if self.overflowed {
            return;
        }
        self.size += frame.data_ref().map_or(0, Bytes::len);
        if self.size > REPLAY_LIMIT {
            self.overflowed = true;
            self.frames.clear();
            return;
        }
        *next += 1;
        self.frames.extend(match (frame.data_ref(), frame.trailers_ref()) {
            (Some(data), _) => Some(Remembered::Data(data.clone())),
            (_, Some(trailers)) => Some(Remembered::Trailers(trailers.clone())),
            _ => None,
        });
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyFailed;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailed>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Once(source) => source.poll(cx),
            Self::Branch(branch) => {
                branch.poll(cx).map(|frame| frame.map(|frame| frame.map_err(BodyFailed::from)))
            }
            Self::Again { replay, next } => replay.lock().poll(next, cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Once(source) => source.incoming.is_end_stream(),
            Self::Branch(_) | Self::Again { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Once(source) => source.incoming.size_hint(),
            // The head says how long it is, if that is known and to be said.
            Self::Empty | Self::Branch(_) | Self::Again { .. } => SizeHint::default(),
        }
    }
}
