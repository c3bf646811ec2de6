//! A socket that remembers the `random` of the ClientHello that is written through it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::socket::Socket;

/// Record header (5), handshake header (4), version (2), then `random` (RFC 8446 §4.1.2, §5.1).
const RANDOM: std::ops::Range<usize> = 11..43;

#[derive(Debug)]
pub(crate) struct Sniffed {
    socket: Socket,
    head: Vec<u8>,
}

impl Sniffed {
    pub fn new(socket: Socket) -> Self {
        Self { socket, head: Vec::new() }
    }

    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// All zero if no ClientHello was written yet.
    pub fn random(&self) -> [u8; 32] {
        self.head.get(RANDOM).and_then(|random| random.try_into().ok()).unwrap_or([0; 32])
    }

    fn remember(&mut self, written: &[u8]) {
        let missing = RANDOM.end.saturating_sub(self.head.len());
        self.head.extend_from_slice(&written[..missing.min(written.len())]);
    }
}

impl AsyncRead for Sniffed {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Sniffed {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = std::task::ready!(Pin::new(&mut this.socket).poll_write(cx, buf))?;
        if this.head.len() < RANDOM.end {
            this.remember(&buf[..written]);
        }
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = std::task::ready!(Pin::new(&mut this.socket).poll_write_vectored(cx, bufs))?;
        let mut left = written;
        for buf in bufs {
            if this.head.len() >= RANDOM.end {
                break;
            }
            let n = left.min(buf.len());
            this.remember(&buf[..n]);
            left -= n;
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }
}
