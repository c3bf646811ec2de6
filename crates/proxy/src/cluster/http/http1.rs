//! One HTTP/1.1 connection upstream. It is driven by whoever uses it, in the same task as the
//! downstream connection: no task of its own, no wake-ups across threads. While it is idle in the
//! pool nobody drives it; whether it still lives is seen on taking.
//!
//! It must not know which pool it belongs to.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker, ready};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;

use super::body::RequestBody;
use super::{Facts, NoResponse};
use crate::cluster::connect::Upstream;

/// An HTTP/1.1 connection.
pub(crate) struct Http1 {
    sender: SendRequest<RequestBody>,
    /// `None` once it has ended.
    connection: Option<Connection<TokioIo<Upstream>, RequestBody>>,
    pub(crate) facts: Arc<Facts>,
    /// How many requests it has carried.
    pub(crate) requests: u32,
    received: Arc<AtomicU64>,
}

/// Responses with larger heads are refused (Envoy's default for `max_response_headers_kb`).
const MAX_RESPONSE_HEAD: usize = 60 * 1024;

impl Http1 {
    pub(crate) async fn handshake(stream: Upstream, facts: Arc<Facts>) -> Result<Self, hyper::Error> {
        let mut builder = http1::Builder::new();
        builder.max_header_size(MAX_RESPONSE_HEAD);
        let received = stream.received();
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, connection: Some(connection), facts, requests: 0, received })
    }

    /// For an upgrade, whose connection must outlive this exchange.
    pub(crate) fn into_parts(
        self,
    ) -> (SendRequest<RequestBody>, Option<Connection<TokioIo<Upstream>, RequestBody>>) {
        (self.sender, self.connection)
    }

    /// Lets the connection read and write.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection
            && Pin::new(connection).poll(cx).is_ready()
        {
            self.connection = None;
        }
    }

    /// Whether it can take a request now.
    pub(crate) fn is_ready(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.connection.is_some() && self.sender.is_ready()
    }

    /// Sends a request and waits for the head of its response. If nothing was sent, the request
    /// comes back.
    pub(crate) async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, (NoResponse, Option<Request<RequestBody>>)> {
        self.requests += 1;
        let before = self.received.load(Ordering::Relaxed);
        let mut response = std::pin::pin!(self.sender.try_send_request(request));
        let connection = &mut self.connection;
        let outcome = std::future::poll_fn(|cx| {
            if let Some(running) = connection
                && Pin::new(running).poll(cx).is_ready()
            {
                *connection = None;
            }
            response.as_mut().poll(cx)
        })
        .await;
        outcome.map_err(|mut error| match error.take_message() {
            Some(request) => (NoResponse::NotSent, Some(request)),
            // It ended in the midst of a head.
            None if error.error().is_incomplete_message()
                && self.received.load(Ordering::Relaxed) > before =>
            {
                (NoResponse::Protocol, None)
            }
            None => (NoResponse::from_hyper(error.error()), None),
        })
    }

    /// Reads on in a response's body, driving the connection as needed.
    pub(crate) fn poll_body(
        &mut self,
        incoming: &mut Incoming,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, hyper::Error>>> {
        use http_body::Body;
        // Asking first tells the connection that more is wanted.
        if let Poll::Ready(frame) = Pin::new(&mut *incoming).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        self.drive(cx);
        Poll::Ready(ready!(Pin::new(incoming).poll_frame(cx)))
    }
}

use std::future::Future;
