//! Serves one downstream connection: which HTTP it speaks, how long it may idle, and how it is drained.
//!
//! It must not know what becomes of its requests.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use carrick_policy::access_log::{HttpLog, ResponseFlag};
use carrick_policy::connection::ConnectionInfo;
use carrick_policy::http::manager::Codec;
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::downstream::{Downstream, HttpService};
use super::guard::FloodGuard;
use super::record::Record;
use super::response::ResponseBody;
use super::rewind::{Preface, read_preface};
use super::service;
use super::wire::Wire;
use crate::drain::Drain;
use crate::env::ProxyEnv;
use crate::socket::Stream;

/// Serves one downstream connection until it is over. It drains when `drain` begins: HTTP/2 by GOAWAY, HTTP/1.1 by
/// `connection: close` in the next answer, or after a moment if it is idle.
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
    let stats = downstream.stats.clone();
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
    if !downstream.is_http2 && downstream.is_client_gone() { Err(ClientGone) } else { Ok(response) }
}

/// Ends a connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the client is gone")]
struct ClientGone;

async fn serve_http1(stream: Stream, downstream: &Arc<Downstream>) {
    downstream.stats.downstream_cx_http1_total.increment();
    let limits = &downstream.manager.limits;
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
    downstream.stats.downstream_cx_http2_total.increment();
    let (limits, options) = (&downstream.manager.limits, &downstream.manager.http2);
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

/// A message that the codec itself refused never became a request, but it is logged and recorded as one.
fn note_bad_message(ended: Result<(), hyper::Error>, downstream: &Arc<Downstream>) {
    if let Err(error) = &ended {
        tracing::debug!(connection = downstream.info.id, %error, "downstream connection ended");
    }
    let (code, details, flag) = match (downstream.refused(), ended) {
        (Some(refused), _) => (Some(refused.status.as_u16()), refused.details, refused.flag()),
        (None, _) if downstream.has_broken_off() => {
            (None, "downstream_remote_disconnect", Some(ResponseFlag::DownstreamConnectionTermination))
        }
        (None, Err(error)) if error.is_parse() => {
            (Some(400), "http1.codec_error", Some(ResponseFlag::DownstreamProtocolError))
        }
        _ => return,
    };
    downstream.stats.downstream_cx_protocol_error.increment();
    let version = if downstream.is_http2 { Version::HTTP_2 } else { Version::HTTP_11 };
    let mut record = Record::new(downstream, HttpLog { version, ..HttpLog::default() });
    record.entry.response_code = code;
    if let Some(flag) = flag {
        record.flag(flag);
    }
    record.details(details);
    record.completed();
}

/// An HTTP/1.1 connection that is to end is told so in its next answer, and only closed without one if none was asked for so long:
/// a request may be on its way already, and its client could not know whether it was heard.
const LINGER: Duration = Duration::from_millis(300);

/// Runs a connection to its end, and brings that end about when it is drained, too old, or idle for too long.
async fn drive<C>(
    connection: C,
    downstream: &Arc<Downstream>,
    drain: impl Fn(Pin<&mut C>),
) -> Result<(), hyper::Error>
where
    C: Future<Output = Result<(), hyper::Error>>,
{
    let limits = &downstream.manager.limits;
    let began = tokio::time::Instant::from_std(downstream.began);
    let oldest = limits.connection_duration.map(|age| began + age);
    let mut connection = pin!(connection);
    let mut draining = false;
    let begun = downstream.drain.begun();
    let mut begun = pin!(begun);
    // One timer per connection, looked at when it fires; nothing to do per request.
    let mut idle_check =
        pin!(tokio::time::sleep(limits.connection_idle.unwrap_or(Duration::from_secs(86_400))));
    let mut too_old = pin!(tokio::time::sleep_until(
        oldest.unwrap_or_else(|| tokio::time::Instant::now() + Duration::from_secs(86_400 * 365))
    ));
    let mut lingering = false;
    let mut linger = pin!(tokio::time::sleep(LINGER));
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => return ended,
            () = async { tokio::select! { () = begun.as_mut() => {} () = too_old.as_mut() => {} } }, if !draining => {
                draining = true;
                downstream.closing.store(true, Ordering::Release);
                if downstream.is_http2 {
                    drain(connection.as_mut());
                } else {
                    linger.as_mut().reset(tokio::time::Instant::now() + LINGER);
                    lingering = true;
                }
            }
            () = linger.as_mut(), if lingering => match downstream.idle_since() {
                Some(since) if since.elapsed() >= LINGER => {
                    lingering = false;
                    drain(connection.as_mut());
                }
                // The answer that is under way ends the connection; this is for what comes between.
                _ => linger.as_mut().reset(tokio::time::Instant::now() + LINGER),
            },
            () = idle_check.as_mut(), if !draining => {
                let limit = limits.connection_idle.unwrap_or(Duration::from_secs(86_400));
                match downstream.idle_since() {
                    Some(since) if limits.connection_idle.is_some() && since.elapsed() >= limit => {
                        downstream.stats.downstream_cx_idle_timeout.increment();
                        draining = true;
                        drain(connection.as_mut());
                    }
                    Some(since) => idle_check.as_mut().reset(tokio::time::Instant::from_std(since) + limit),
                    None => idle_check.as_mut().reset(tokio::time::Instant::now() + limit),
                }
            }
        }
    }
}
