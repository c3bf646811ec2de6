//! HTTP/2 frames in passing: where each begins, and whether a stream that is reset had come to its
//! end.
//!
//! It reads headers of frames as bytes go by (RFC 9113 §4.1), below the codec. It must not know
//! requests, nor what becomes of a connection.

use std::collections::HashSet;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a client sends before its first frame (RFC 9113 §3.4), in bytes.
pub(crate) const PREFACE: usize = 24;

const HEADER: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const END_STREAM: u8 = 1;
/// The error code that such a reset is given instead (RFC 9113 §7).
const CANCEL: u8 = 8;

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    /// Of the payload, in bytes.
    pub(crate) length: usize,
}

/// Finds the headers of frames in a stream of bytes, however it is cut.
#[derive(Debug)]
pub(crate) struct FrameReader {
    /// Bytes that belong to the preface or to the payload of the current frame.
    skip: usize,
    header: [u8; HEADER],
    have: usize,
}

impl FrameReader {
    /// `preface` bytes come before the first frame.
    pub(crate) fn new(preface: usize) -> Self {
        Self { skip: preface, header: [0; HEADER], have: 0 }
    }

    /// The next header that is complete in `bytes[*at..]`; its payload begins at `*at` then. Call
    /// it until it returns nothing: all bytes have been looked at then.
    pub(crate) fn next(&mut self, bytes: &[u8], at: &mut usize) -> Option<FrameHeader> {
        let skipped = self.skip.min(bytes.len() - *at);
        self.skip -= skipped;
        *at += skipped;
        let taken = (HEADER - self.have).min(bytes.len() - *at);
        self.header[self.have..self.have + taken].copy_from_slice(&bytes[*at..*at + taken]);
        self.have += taken;
        *at += taken;
        if self.have < HEADER {
            return None;
        }
        let [a, b, c, kind, flags, s0, s1, s2, s3] = self.header;
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        self.skip = length;
        self.have = 0;
        let stream = u32::from_be_bytes([s0, s1, s2, s3]) & 0x7fff_ffff;
        Some(FrameHeader { kind, flags, stream, length })
    }
}

/// Tells a stream that was broken off from one that ended.
///
/// A peer may reset a stream with NO_ERROR once it has sent all of its message (RFC 9113 §8.1), and
/// codecs take such a reset for the end of the message without asking whether there was one. Here a
/// reset with NO_ERROR of a stream whose message has begun and did not end (END_STREAM) becomes a
/// reset with CANCEL, which no codec takes for an end.
#[derive(Debug)]
pub(crate) struct EndCheck<S> {
    stream: S,
    incoming: FrameReader,
    outgoing: FrameReader,
    /// Streams on which the peer's message has begun and not ended. Their number is bounded by the
    /// codec, which resets streams beyond its limit.
    open: HashSet<u32>,
    /// The error code of a reset of such a stream is passing by.
    code: Option<Code>,
}

/// How much of an error code went by; all of it was zero so far.
#[derive(Debug, Clone, Copy)]
struct Code(u8);

impl<S> EndCheck<S> {
    /// The server's end of a connection: the client's preface comes in.
    pub(crate) fn server(stream: S) -> Self {
        Self::new(stream, PREFACE, 0)
    }

    /// The client's end: its preface goes out.
    pub(crate) fn client(stream: S) -> Self {
        Self::new(stream, 0, PREFACE)
    }

    fn new(stream: S, comes: usize, goes: usize) -> Self {
        let (incoming, outgoing) = (FrameReader::new(comes), FrameReader::new(goes));
        Self { stream, incoming, outgoing, open: HashSet::new(), code: None }
    }

    fn came(&mut self, bytes: &mut [u8]) {
        let mut at = 0;
        self.check_code(bytes, 0);
        while let Some(frame) = self.incoming.next(bytes, &mut at) {
            let ended = frame.flags & END_STREAM != 0;
            match frame.kind {
                HEADERS if !ended => drop(self.open.insert(frame.stream)),
                HEADERS | DATA if ended => drop(self.open.remove(&frame.stream)),
                RST_STREAM if self.open.remove(&frame.stream) && frame.length == 4 => {
                    self.code = Some(Code(0));
                    self.check_code(bytes, at);
                }
                _ => {}
            }
        }
    }

    fn check_code(&mut self, bytes: &mut [u8], at: usize) {
        const LAST: u8 = 3;
        let Some(Code(mut seen)) = self.code.take() else { return };
        for byte in &mut bytes[at..] {
            if *byte != 0 {
                return;
            }
            if seen == LAST {
                *byte = CANCEL;
                return;
            }
            seen += 1;
        }
        self.code = Some(Code(seen));
    }

    /// A stream that we reset is over: the peer may say nothing more of it.
    fn went(&mut self, bytes: &[u8]) {
        let mut at = 0;
        while let Some(frame) = self.outgoing.next(bytes, &mut at) {
            if frame.kind == RST_STREAM {
                self.open.remove(&frame.stream);
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for EndCheck<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        this.came(&mut buf.filled_mut()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for EndCheck<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write(cx, buf))?;
        this.went(&buf[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.stream).poll_write_vectored(cx, bufs))?;
        let mut left = written;
        for buf in bufs {
            let taken = left.min(buf.len());
            this.went(&buf[..taken]);
            left -= taken;
        }
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
