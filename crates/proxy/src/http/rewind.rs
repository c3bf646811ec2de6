//! Tells HTTP/2 from HTTP/1 by the first bytes of a connection, and gives those bytes back.
//!
//! It must not know what comes after.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use crate::socket::Stream;

/// RFC 9113 §3.4.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preface {
    Http1,
    Http2,
}

/// Reads until it is clear which it is. `None` if the connection ended before.
pub(crate) async fn read_preface(mut stream: Stream) -> Option<(Preface, Stream)> {
    let mut read = Vec::with_capacity(1024);
    loop {
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
        let compared = read.len().min(HTTP2_PREFACE.len());
        let kind = if read[..compared] != HTTP2_PREFACE[..compared] {
            Preface::Http1
        } else if compared == HTTP2_PREFACE.len() {
            Preface::Http2
        } else {
            continue;
        };
        return Some((kind, Box::new(Rewind { read, given: 0, stream })));
    }
}

/// A stream with some bytes read ahead.
struct Rewind {
    read: Vec<u8>,
    given: usize,
    stream: Stream,
}

impl AsyncRead for Rewind {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.read.is_empty() {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        let left = &this.read[this.given..];
        let count = left.len().min(buf.remaining());
        buf.put_slice(&left[..count]);
        this.given += count;
        if this.given == this.read.len() {
            this.read = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewind {
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
