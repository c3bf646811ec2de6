//! Copies bytes between two streams, both ways, until both have ended.
//!
//! Memory is bounded: bytes are read only when those before them were taken. A connection that has
//! nothing to carry holds no buffer: reading goes through one per worker thread, and only what the
//! other side would not take at once is kept.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use carrick_policy::tcp_proxy::TcpProxyConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::Downstream;
use crate::cluster::Upstream;
use crate::stats::TcpStats;

/// What was carried so far.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Traffic {
    /// From the client.
    pub received: u64,
    /// To the client.
    pub sent: u64,
    pub last: Option<Instant>,
    /// When the host's first byte came.
    pub first_sent: Option<Instant>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Both sides said that they are done.
    Both,
    Idle,
    TooLong,
    DownstreamReset,
    UpstreamReset,
}

const CHUNK: usize = 64 * 1024;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; CHUNK].into_boxed_slice());
}

/// One direction.
#[derive(Default)]
struct Pump {
    /// Read, and not yet taken by the other side.
    kept: Vec<u8>,
    state: PumpState,
    unflushed: bool,
}

#[derive(Default, PartialEq, Eq, Clone, Copy)]
enum PumpState {
    #[default]
    Open,
    /// The reading side has ended; the writing side is to be told.
    Ending,
    Done,
}

/// Which side broke.
enum Broken {
    Reader,
    Writer,
}

pub(super) async fn relay(
    mut downstream: Downstream,
    mut upstream: Upstream,
    config: &TcpProxyConfig,
    stats: &TcpStats,
    traffic: &mut Traffic,
) -> Ended {
    let started = Instant::now();
    traffic.last = Some(started);
    let (mut out, mut back) = (Pump::default(), Pump::default());
    let mut deadline = next_deadline(config, started, started);
    loop {
        let pumping = poll_fn(|cx| {
            let before = (traffic.received, traffic.sent);
            let ended = pump_both(cx, &mut downstream, &mut upstream, &mut out, &mut back, traffic);
            stats.downstream_cx_rx_bytes_total.add(traffic.received - before.0);
            stats.downstream_cx_tx_bytes_total.add(traffic.sent - before.1);
            ended
        });
        let ended = match deadline {
            None => pumping.await,
            Some(at) => match tokio::time::timeout_at(at, pumping).await {
                Ok(ended) => ended,
                Err(_elapsed) => {
                    let now = Instant::now();
                    if config.max_duration.is_some_and(|limit| now >= started + limit) {
                        Ended::TooLong
                    } else if idle(config, traffic, now) {
                        Ended::Idle
                    } else {
                        deadline = next_deadline(config, started, traffic.last.unwrap_or(started));
                        continue;
                    }
                }
            },
        };
        // The side that is still there must not take a broken stream for a complete one.
        match ended {
            Ended::DownstreamReset => upstream.socket().reset_on_close(),
            Ended::UpstreamReset => downstream.socket().reset_on_close(),
            _ => {}
        }
        return ended;
    }
}

fn idle(config: &TcpProxyConfig, traffic: &Traffic, now: Instant) -> bool {
    let last = traffic.last.unwrap_or(now);
    config.idle_timeout.is_some_and(|timeout| now >= last + timeout)
}

fn next_deadline(config: &TcpProxyConfig, started: Instant, last: Instant) -> Option<Instant> {
    // A time too far to express is never.
    let after = |from: Instant, limit: Option<Duration>| limit.and_then(|limit| from.checked_add(limit));
    let (idle, over) = (after(last, config.idle_timeout), after(started, config.max_duration));
    match (idle, over) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

fn pump_both(
    cx: &mut Context<'_>,
    downstream: &mut Downstream,
    upstream: &mut Upstream,
    out: &mut Pump,
    back: &mut Pump,
    traffic: &mut Traffic,
) -> Poll<Ended> {
    let (received, sent) = (traffic.received, traffic.sent);
    let outward = out.poll(cx, downstream, upstream, &mut traffic.received);
    let inward = back.poll(cx, upstream, downstream, &mut traffic.sent);
    if (traffic.received, traffic.sent) != (received, sent) {
        let now = Instant::now();
        traffic.last = Some(now);
        if sent == 0 && traffic.sent > 0 {
            traffic.first_sent = Some(now);
        }
    }
    match (outward, inward) {
        (Poll::Ready(Err(Broken::Reader)), _) | (_, Poll::Ready(Err(Broken::Writer))) => {
            Poll::Ready(Ended::DownstreamReset)
        }
        (_, Poll::Ready(Err(Broken::Reader))) | (Poll::Ready(Err(Broken::Writer)), _) => {
            Poll::Ready(Ended::UpstreamReset)
        }
        (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => Poll::Ready(Ended::Both),
        _ => Poll::Pending,
    }
}

impl Pump {
    fn poll<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
        writer: &mut W,
        carried: &mut u64,
    ) -> Poll<Result<(), Broken>> {
        loop {
            match self.state {
                PumpState::Done => return Poll::Ready(Ok(())),
                PumpState::Ending => {
                    let shut = ready!(Pin::new(&mut *writer).poll_shutdown(cx));
                    self.state = PumpState::Done;
                    // A writer that is already gone has no use for the news.
                    if shut.is_err_and(|error| error.kind() != io::ErrorKind::NotConnected) {
                        return Poll::Ready(Err(Broken::Writer));
                    }
                }
                PumpState::Open => ready!(self.poll_open(cx, reader, writer, carried))?,
            }
        }
    }

    /// One step: writes what was kept, or reads more.
    fn poll_open<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
        writer: &mut W,
        carried: &mut u64,
    ) -> Poll<Result<(), Broken>> {
        while !self.kept.is_empty() {
            let written = ready!(Pin::new(&mut *writer).poll_write(cx, &self.kept));
            match written {
                Ok(n) if n > 0 => drop(self.kept.drain(..n)),
                _ => return Poll::Ready(Err(Broken::Writer)),
            }
            self.unflushed = true;
            if self.kept.is_empty() {
                self.kept = Vec::new();
            }
        }
        let step = SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            match Pin::new(&mut *reader).poll_read(cx, &mut buffer) {
                Poll::Pending => return Step::NothingYet,
                // A TLS peer that closes without close_notify. What came before is passed on, and
                // then the end, as Envoy does: which protocol is inside, and what it takes for an
                // end, is not known here.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Step::End,
                Poll::Ready(Err(_)) => return Step::Broken(Broken::Reader),
                Poll::Ready(Ok(())) => {}
            }
            let filled = buffer.filled();
            if filled.is_empty() {
                return Step::End;
            }
            *carried += filled.len() as u64;
            match Pin::new(&mut *writer).poll_write(cx, filled) {
                Poll::Ready(Ok(n)) if n == filled.len() => Step::Carried,
                Poll::Ready(Ok(n)) if n > 0 => {
                    self.kept.extend_from_slice(&filled[n..]);
                    Step::Carried
                }
                Poll::Ready(_) => Step::Broken(Broken::Writer),
                Poll::Pending => {
                    self.kept.extend_from_slice(filled);
                    Step::Carried
                }
            }
        });
        match step {
            Step::Carried => self.unflushed = true,
            Step::End => self.state = PumpState::Ending,
            Step::Broken(side) => return Poll::Ready(Err(side)),
            Step::NothingYet => {
                if self.unflushed {
                    match ready!(Pin::new(&mut *writer).poll_flush(cx)) {
                        Ok(()) => self.unflushed = false,
                        Err(_) => return Poll::Ready(Err(Broken::Writer)),
                    }
                }
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }
}

enum Step {
    Carried,
    NothingYet,
    End,
    Broken(Broken),
}
