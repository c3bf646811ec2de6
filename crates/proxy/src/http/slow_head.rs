//! Bounds the time in which the head of an HTTP/1.1 request must arrive once it began, so that a client that sends a byte now and
//! then holds nothing for long. Idling between requests is something else, and allowed for longer.
//!
//! It must not know what is in a head; that one is complete shows in the number of requests.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::downstream::Downstream;
use crate::connection::Stream;

/// Where the configuration says nothing.
pub(super) const DEFAULT_LIMIT: Duration = Duration::from_secs(15);

/// Sent as it is: there is no request yet that could be answered.
const ANSWER: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// A downstream HTTP/1.1 connection, watched.
pub(super) struct SlowHead {
    stream: Stream,
    downstream: Arc<Downstream>,
    limit: Duration,
    /// The head that is arriving: when it began, and how many requests there had been.
    head: Option<(Instant, u32)>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl SlowHead {
    pub(super) fn new(stream: Stream, downstream: Arc<Downstream>, limit: Duration) -> Self {
        Self { stream, downstream, limit, head: None, timer: None }
    }

    /// Bytes came: if no request is in progress, they begin the next one's head.
    fn saw_bytes(&mut self) {
        let requests = self.downstream.requests();
        let known = self.head.is_some_and(|(_, at)| at == requests);
        if self.downstream.is_idle() && !known {
            self.head = Some((Instant::now(), requests));
        }
    }

    fn poll_limit(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let requests = self.downstream.requests();
        let Some((began, _)) = self.head.filter(|(_, at)| *at == requests && self.downstream.is_idle())
        else {
            self.head = None;
            self.timer = None;
            return Poll::Pending;
        };
        let deadline = tokio::time::Instant::from_std(began + self.limit);
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        // As good as it goes: who reads slowly enough does not learn why the connection ends.
        let _ = Pin::new(&mut self.stream).poll_write(cx, ANSWER);
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "the head of a request took too long"))
    }
}

impl AsyncRead for SlowHead {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                this.saw_bytes();
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending if this.head.is_some() => this.poll_limit(cx).map(Err),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncWrite for SlowHead {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
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
