//! Downstream HTTP/1 as it comes over the wire, judged before the codec reads it: a head that two
//! parsers could read differently never gets further than here, and one that arrives too slowly is
//! not waited for.
//!
//! Each request is followed to its end, so that the next head is known to be one; it is passed on
//! once the request before it is answered. It must not know routes, nor what is in a body.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use carrick_policy::http::framing::chunks::Chunks;
use carrick_policy::http::framing::head::{self, Framing, Malformed, Rules};
use carrick_policy::http::manager::{HttpManager, ServerHeader};
use http::HeaderValue;
use time::OffsetDateTime;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::downstream::{Downstream, End};
use crate::socket::Stream;

/// For a head to arrive, where the configuration says nothing.
const DEFAULT_LIMIT: Duration = Duration::from_secs(15);

/// A downstream HTTP/1 connection, followed.
pub(super) struct Wire {
    stream: Stream,
    downstream: Arc<Downstream>,
    rules: Rules,
    state: State,
    /// Read, but not passed on yet: what follows a request that is not answered.
    held: Vec<u8>,
    /// What was passed on of a head that is not complete.
    partial: Vec<u8>,
    /// How many requests there had been when the last whole head was passed on.
    passed_at: Option<u32>,
    limit: Duration,
    /// Since when the head has been arriving.
    head_since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    Body(u64),
    Chunks(Chunks),
}

impl Wire {
    pub(super) fn new(stream: Stream, downstream: Arc<Downstream>) -> Self {
        let manager = downstream.manager();
        let limits = &manager.limits;
        let rules = Rules {
            accept_http_10: manager.http1.accept_http_10,
            custom_methods: manager.http1.custom_methods,
            max_headers: limits.max_headers,
        };
        let limit = limits.request_headers.or(limits.request).unwrap_or(DEFAULT_LIMIT);
        Self {
            stream,
            downstream,
            rules,
            state: State::Head,
            held: Vec::new(),
            partial: Vec::new(),
            passed_at: None,
            limit,
            head_since: None,
            timer: None,
        }
    }

    /// Whether the next head may be passed on: the request before it came to the service, and is
    /// answered.
    fn may_begin(&self) -> bool {
        self.passed_at.is_none_or(|at| self.downstream.requests() > at) && self.downstream.is_idle()
    }

    /// How many of these bytes may be passed on now. The others are those of requests that come
    /// later.
    fn judge(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            at += match self.state {
                State::Head if !self.may_begin() => return Ok(at),
                State::Head => match self.judge_head(rest)? {
                    Some(length) => length,
                    None => return Ok(bytes.len()),
                },
                State::Body(left) => {
                    let skipped = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    self.in_body(left - skipped as u64);
                    skipped
                }
                State::Chunks(mut chunks) => {
                    let length = chunks.follow(rest);
                    self.state = if chunks == Chunks::Ended { State::Head } else { State::Chunks(chunks) };
                    if matches!(chunks, Chunks::Broken { .. }) {
                        return Ok(at + length);
                    }
                    length
                }
            };
        }
        Ok(at)
    }

    fn in_body(&mut self, left: u64) {
        self.state = if left == 0 { State::Head } else { State::Body(left) };
    }

    /// How many bytes end the head; `None` if it goes on.
    fn judge_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        self.head_since.get_or_insert_with(Instant::now);
        let before = self.partial.len();
        let largest = self.downstream.manager().limits.max_header_bytes as usize;
        let end = match before {
            0 => head::end(bytes, 0),
            _ => {
                self.partial.extend_from_slice(&bytes[..bytes.len().min(largest + 1)]);
                head::end(&self.partial, before)
            }
        };
        if end.unwrap_or(before + bytes.len()) > largest {
            return Err(head::TOO_LARGE);
        }
        let Some(end) = end else {
            if before == 0 {
                self.partial.extend_from_slice(bytes);
            }
            head::judge_beginning(&self.partial, &self.rules)?;
            return Ok(None);
        };
        let whole = if before == 0 { &bytes[..end] } else { &self.partial[..end] };
        let framing = head::judge(whole, &self.rules)?;
        self.partial = Vec::new();
        self.head_since = None;
        self.timer = None;
        self.passed_at = Some(self.downstream.requests());
        match framing {
            Framing::Length(length) => self.in_body(length),
            Framing::Chunked => self.state = State::Chunks(Chunks::START),
        }
        Ok(Some(end - before))
    }

    /// Takes what was held, as far as there is room and it may be passed on.
    fn take_held(&mut self, buf: &mut ReadBuf<'_>) -> Result<usize, Malformed> {
        let held = std::mem::take(&mut self.held);
        let room = held.len().min(buf.remaining());
        let passed = if self.downstream.is_tunnel() { room } else { self.judge(&held[..room])? };
        buf.put_slice(&held[..passed]);
        self.held = held;
        self.held.drain(..passed);
        Ok(passed)
    }

    fn poll_head_limit(&mut self, cx: &mut Context<'_>) -> Poll<Malformed> {
        let Some(since) = self.head_since else { return Poll::Pending };
        let deadline = tokio::time::Instant::from_std(since + self.limit);
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(head::TOO_SLOW)
    }

    /// Nothing more comes from the client.
    fn ended(&self) {
        if self.head_since.is_some() {
            self.downstream.ends(End::BrokenOff);
        }
    }

    /// Ends a body that makes no sense with a byte that shows it to the codec, so that its request
    /// is answered like any other.
    fn break_off(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let State::Chunks(Chunks::Broken { instead }) = self.state else { return false };
        self.held.clear();
        if buf.remaining() > 0 {
            buf.put_slice(&[instead]);
        }
        true
    }

    /// Answers at once where there is no request yet that could be answered, and ends the
    /// connection.
    fn refuse(&mut self, malformed: Malformed, cx: &mut Context<'_>) -> io::Error {
        if self.state == State::Head {
            self.downstream.ends(End::Refused(malformed));
            let answer = answer(&malformed, self.downstream.manager());
            // As good as it goes: who reads slowly enough does not learn why the connection ends.
            let _ = Pin::new(&mut self.stream).poll_write(cx, answer.as_bytes());
        }
        io::Error::new(io::ErrorKind::InvalidData, malformed)
    }
}

/// The answer, as Envoy's codec gives it: the status in words.
fn answer(malformed: &Malformed, manager: &HttpManager) -> String {
    let words = malformed.status.canonical_reason().unwrap_or_default();
    let (kind, body) = match malformed.readable {
        true => ("", ""),
        false => ("content-type: text/plain\r\n", words),
    };
    let server = match &manager.server {
        ServerHeader::Overwrite(name) | ServerHeader::AppendIfAbsent(name) => text(Some(name)),
        ServerHeader::PassThrough => text(None),
    };
    let via = manager.via.as_ref().and_then(|via| via.to_str().ok());
    let via = via.map_or_else(String::new, |via| format!("via: {via}\r\n"));
    let date = date(OffsetDateTime::now_utc());
    format!(
        "HTTP/1.1 {} {words}\r\ncontent-length: {}\r\n{kind}date: {date}\r\n{server}{via}connection: close\r\n\r\n{body}",
        malformed.status.as_u16(),
        body.len()
    )
}

/// RFC 9110 §5.6.7.
fn date(at: OffsetDateTime) -> String {
    let (weekday, month) = (at.weekday().to_string(), at.month().to_string());
    let (day, year, hour, minute, second) = (at.day(), at.year(), at.hour(), at.minute(), at.second());
    format!("{weekday:.3}, {day:02} {month:.3} {year} {hour:02}:{minute:02}:{second:02} GMT")
}

fn text(server: Option<&HeaderValue>) -> String {
    server.and_then(|name| name.to_str().ok()).map_or_else(String::new, |name| format!("server: {name}\r\n"))
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if matches!(this.state, State::Chunks(Chunks::Broken { .. })) {
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
            if !this.held.is_empty() {
                this.downstream.wake_when_idle(cx.waker());
                return match this.take_held(buf) {
                    Ok(0) => Poll::Pending,
                    Ok(_) => {
                        this.break_off(buf);
                        Poll::Ready(Ok(()))
                    }
                    Err(malformed) => Poll::Ready(Err(this.refuse(malformed, cx))),
                };
            }
            let before = buf.filled().len();
            match Pin::new(&mut this.stream).poll_read(cx, buf) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    this.ended();
                    return Poll::Ready(Err(error));
                }
                Poll::Pending => {
                    let late = ready!(this.poll_head_limit(cx));
                    return Poll::Ready(Err(this.refuse(late, cx)));
                }
            }
            if buf.filled().len() == before || this.downstream.is_tunnel() {
                this.ended();
                return Poll::Ready(Ok(()));
            }
            match this.judge(&buf.filled()[before..]) {
                Ok(passed) => {
                    this.held.extend_from_slice(&buf.filled()[before + passed..]);
                    buf.set_filled(before + passed);
                    if this.break_off(buf) || passed > 0 {
                        return Poll::Ready(Ok(()));
                    }
                    // All of it is for later: waits above.
                }
                Err(malformed) => {
                    buf.set_filled(before);
                    return Poll::Ready(Err(this.refuse(malformed, cx)));
                }
            }
        }
    }
}

impl AsyncWrite for Wire {
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
