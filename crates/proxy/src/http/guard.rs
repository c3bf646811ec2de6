//! A guard against HTTP/2 floods: it reads the headers of frames in passing, and ends a connection
//! on which too many frames come that cost the client nothing and make us work (rapid reset, PING,
//! SETTINGS, PRIORITY and empty DATA floods).
//!
//! It must not know about streams or requests; the codec behind it does.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::frames::{EndCheck, FrameReader, PREFACE};
use crate::socket::Stream;

/// So many cheap frames may come at once, ...
const BURST: f64 = 100.0;
/// ... and so many per second for ever.
const PER_SECOND: f64 = 33.0;
/// A DATA frame earns this many more, ...
const EARNED_BY_DATA: f64 = 0.5;
/// ... and so does every KiB that the client lets us send: gRPC clients measure the path by PINGs
/// while they receive.
const EARNED_BY_KIB: f64 = 1.0;

/// A downstream HTTP/2 connection, watched.
pub(crate) struct FloodGuard {
    stream: EndCheck<Stream>,
    frames: FrameReader,
    budget: Budget,
}

struct Budget {
    left: f64,
    at: Instant,
}

/// What a frame costs whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// Comes with data; earns credit.
    Useful,
    Neutral,
    /// Costs us more than the client.
    Cheap,
}

/// RFC 9113 §6.
fn weigh(kind: u8, flags: u8, length: usize) -> Weight {
    const ACK: u8 = 1;
    const END_STREAM: u8 = 1;
    match kind {
        // DATA: an empty one is only needed to end a stream.
        0 if length > 0 => Weight::Useful,
        0 if flags & END_STREAM != 0 => Weight::Neutral,
        0 => Weight::Cheap,
        // PRIORITY, RST_STREAM
        2 | 3 => Weight::Cheap,
        // SETTINGS, PING: answers to ours are not the client's doing.
        4 | 6 if flags & ACK != 0 => Weight::Neutral,
        4 | 6 => Weight::Cheap,
        // CONTINUATION: the codec bounds the size of a head; empty ones would not count there.
        9 if length == 0 => Weight::Cheap,
        _ => Weight::Neutral,
    }
}

impl FloodGuard {
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            stream: EndCheck::server(stream),
            frames: FrameReader::new(PREFACE),
            budget: Budget { left: BURST, at: Instant::now() },
        }
    }
}

impl Budget {
    fn earn(&mut self, credit: f64) {
        self.left = (self.left + credit).min(BURST);
    }

    /// False once it is exhausted.
    fn spend(&mut self, count: u32, now: Instant) -> bool {
        let refill = now.saturating_duration_since(self.at).as_secs_f64() * PER_SECOND;
        self.at = now;
        self.left = (self.left + refill).min(BURST) - f64::from(count);
        self.left >= 0.0
    }
}

impl AsyncRead for FloodGuard {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        let (mut cheap, mut at) = (0, 0);
        let bytes = &buf.filled()[before..];
        while let Some(frame) = this.frames.next(bytes, &mut at) {
            match weigh(frame.kind, frame.flags, frame.length) {
                Weight::Useful => this.budget.earn(EARNED_BY_DATA),
                Weight::Neutral => {}
                Weight::Cheap => cheap += 1,
            }
        }
        if cheap > 0 && !this.budget.spend(cheap, Instant::now()) {
            return Poll::Ready(Err(io::Error::other("too many HTTP/2 control frames")));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for FloodGuard {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write(cx, buf))?;
        this.budget.earn(written as f64 / 1024.0 * EARNED_BY_KIB);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write_vectored(cx, bufs))?;
        this.budget.earn(written as f64 / 1024.0 * EARNED_BY_KIB);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
