//! Serves one downstream connection: which HTTP it speaks, how long it may idle, and how it is
//! drained.
//!
//! It must not know what becomes of its requests.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use carrick_policy::access_log::{HttpLog, ResponseFlag};
use carrick_policy::connection::ConnectionInfo;
use carrick_policy::http::manager::Codec;
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::downstream::{Downstream, End, HttpService};
use super::guard::FloodGuard;
use super::record::Record;
use super::response::ResponseBody;
use super::rewind::{Preface, read_preface};
use super::service;
use super::wire::Wire;
use crate::drain::Drain;
use crate::env::ProxyEnv;
use crate::socket::Stream;

/// Serves one downstream connection until it is over. It drains when `drain` begins: HTTP/2 by
/// GOAWAY, HTTP/1.1 by `connection: close` in the next answer, or after a moment if it is idle.
pub async fn serve(
    mut stream: Stream,
    info: Arc<ConnectionInfo>,
    service: Arc<HttpService>,
    drain: Drain,
    env: Arc<ProxyEnv>,
) {
    let manager = &service.manager;
    let preface_time = manager.limits.connection_idle.unwrap_or(Duration::MAX);
    let is_http2 = match manager.codec {
        Codec::Http1 => false,
        Codec::Http2 => true,
        Codec::Auto => match info.tls.as_ref().and_then(|tls| tls.alpn.as_deref()) {
            Some("h2") => true,
            Some("http/1.1" | "http/1.0") => false,
            _ => match tokio::time::timeout(preface_time, read_preface(stream)).await {
                Ok(Some((kind, rewound))) => {
                    stream = rewound;
                    kind == Preface::Http2
                }
                // The client went away, or said nothing.
                Ok(None) | Err(_) => return,
            },
        },
    };
    let downstream = Arc::new(Downstream::new(info, &service, drain, env, is_http2));
    let stats = downstream.service.stats.clone();
    stats.downstream_cx_total.increment();
    stats.downstream_cx_active.increment();
    match is_http2 {
        true => serve_http2(stream, &downstream).await,
        false => serve_http1(stream, &downstream).await,
    }
    stats.downstream_cx_active.decrement();
    stats.downstream_cx_destroy.increment();
}

fn handle(
    request: Request<Incoming>,
    downstream: Arc<Downstream>,
) -> impl Future<Output = Result<Response<ResponseBody>, ClientGone>> {
    let response = service::handle(request, downstream.clone());
    async move { answered(response.await, &downstream) }
}

fn answered(
    response: Response<ResponseBody>,
    downstream: &Downstream,
) -> Result<Response<ResponseBody>, ClientGone> {
    if matches!(downstream.end(), Some(End::ClientGone)) { Err(ClientGone) } else { Ok(response) }
}

/// Ends a connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the client is gone")]
struct ClientGone;

async fn serve_http1(stream: Stream, downstream: &Arc<Downstream>) {
    downstream.stats().downstream_cx_http1_total.increment();
    let limits = &downstream.manager().limits;
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .half_close(false)
        .max_header_size(limits.max_header_bytes as usize)
        .max_buf_size((limits.max_header_bytes as usize).max(64 * 1024))
        // hyper would count the time between requests, too.
        .header_read_timeout(None);
    if limits.max_headers != DEFAULT_MAX_HEADERS {
        builder.max_headers(limits.max_headers);
    }
    let service = service_fn(|request| handle(request, downstream.clone()));
    let wire = Wire::new(stream, downstream.clone());
    let connection = builder.serve_connection(TokioIo::new(wire), service).with_upgrades();
    let ended = drive(connection, downstream, |connection| connection.graceful_shutdown()).await;
    note_bad_message(ended, downstream);
}

/// hyper's own, which costs nothing to keep.
const DEFAULT_MAX_HEADERS: usize = 100;

async fn serve_http2(stream: Stream, downstream: &Arc<Downstream>) {
    downstream.stats().downstream_cx_http2_total.increment();
    let (limits, options) = (&downstream.manager().limits, &downstream.manager().http2);
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(options.max_concurrent_streams)
        .initial_stream_window_size(options.stream_window)
        .initial_connection_window_size(options.connection_window)
        .header_table_size(options.header_table_size)
        .max_header_list_size(limits.max_header_bytes)
        .max_send_buf_size(256 * 1024);
    let shared = downstream.clone();
    let service = service_fn(move |request| handle(request, shared.clone()));
    let connection = builder.serve_connection(TokioIo::new(FloodGuard::new(stream)), service);
    let ended = drive(connection, downstream, |connection| connection.graceful_shutdown()).await;
    note_bad_message(ended, downstream);
}

/// A message that the codec itself refused never became a request, but it is logged and recorded as
/// one.
fn note_bad_message(ended: Result<(), hyper::Error>, downstream: &Arc<Downstream>) {
    if let Err(error) = &ended {
        tracing::debug!(connection = downstream.info.id, %error, "downstream connection ended");
    }
    let (code, details, flag) = match (downstream.end(), ended) {
        (Some(End::Refused(refused)), _) => (Some(refused.status.as_u16()), refused.details, refused.flag()),
        (Some(End::BrokenOff), _) => {
            (None, "downstream_remote_disconnect", Some(ResponseFlag::DownstreamConnectionTermination))
        }
        (_, Err(error)) if error.is_parse() => {
            (Some(400), "http1.codec_error", Some(ResponseFlag::DownstreamProtocolError))
        }
        _ => return,
    };
    downstream.stats().downstream_cx_protocol_error.increment();
    let version = if downstream.is_http2 { Version::HTTP_2 } else { Version::HTTP_11 };
    let mut record = Record::new(downstream, HttpLog { version, ..HttpLog::default() });
    record.entry.response_code = code;
    if let Some(flag) = flag {
        record.flag(flag);
    }
    record.details(details);
    record.completed();
}

/// An HTTP/1.1 connection that is to end is told so in its next answer, and only closed without one
/// if none was asked for so long: a request may be on its way already, and its client could not
/// know whether it was heard.
const LINGER: Duration = Duration::from_millis(300);

/// Runs a connection to its end, and brings that end about when it is drained, too old, or idle for
/// too long.
async fn drive<C>(
    connection: C,
    downstream: &Arc<Downstream>,
    drain: impl Fn(Pin<&mut C>),
) -> Result<(), hyper::Error>
where
    C: Future<Output = Result<(), hyper::Error>>,
{
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        ended = connection.as_mut() => return ended,
        due = due(downstream) => match due {
            Due::Idle => downstream.stats().downstream_cx_idle_timeout.increment(),
            Due::Closing => {
                downstream.close_after_answer();
                if !downstream.is_http2 {
                    // The answer that is under way ends the connection; this is for what comes
                    // between.
                    tokio::select! {
                        biased;
                        ended = connection.as_mut() => return ended,
                        () = has_lingered(downstream) => {}
                    }
                }
            }
        },
    }
    drain(connection.as_mut());
    connection.await
}

/// Why a connection is to end.
enum Due {
    /// It is drained, or too old.
    Closing,
    Idle,
}

async fn due(downstream: &Downstream) -> Due {
    let limits = &downstream.manager().limits;
    let began = tokio::time::Instant::from_std(downstream.began);
    tokio::select! {
        biased;
        () = downstream.drain.begun() => Due::Closing,
        () = sleep_for(began, limits.connection_duration) => Due::Closing,
        () = idle_for(downstream, limits.connection_idle) => Due::Idle,
    }
}

/// Returns that long after `start`; never, if there is no limit or none that can be expressed.
async fn sleep_for(start: tokio::time::Instant, limit: Option<Duration>) {
    match limit.and_then(|limit| start.checked_add(limit)) {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}

/// Returns when there has been no request for that long. One timer, looked at when it fires: there
/// is nothing to do per request.
async fn idle_for(downstream: &Downstream, limit: Option<Duration>) {
    let Some(limit) = limit else { return std::future::pending().await };
    let mut since = Some(downstream.began);
    loop {
        let start = since.map_or_else(tokio::time::Instant::now, tokio::time::Instant::from_std);
        sleep_for(start, Some(limit)).await;
        since = downstream.idle_since();
        if since.is_some_and(|since| since.elapsed() >= limit) {
            return;
        }
    }
}

async fn has_lingered(downstream: &Downstream) {
    loop {
        tokio::time::sleep(LINGER).await;
        if downstream.idle_since().is_some_and(|since| since.elapsed() >= LINGER) {
            return;
        }
    }
}
