//! One attempt to get a response from one endpoint: a connection, the request, and the head of the
//! response, all in time.
//!
//! It must not know about routes; whether to try again is for others to say.

use std::sync::Arc;
use std::time::{Duration, Instant};

use carrick_policy::balance::endpoint::Endpoint;
use carrick_policy::config::tls::Alpn;
use carrick_policy::http::manager::Limits;
use carrick_policy::http::plan::ForwardPlan;
use carrick_policy::http::prepared::Prepared;
use carrick_policy::http::route::RetryPolicy;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};

use super::failure::Failed;
use super::record::Record;
use crate::cluster::UpstreamCluster;
use crate::cluster::http::{Answer, Carrier, Host, Http1, NoResponse, Progress, RequestBody};

/// What to send where.
pub(crate) struct Attempt<'a> {
    pub(crate) cluster: &'a Arc<UpstreamCluster>,
    pub(crate) endpoint: &'a Arc<Endpoint>,
    pub(crate) authority: HeaderValue,
    pub(crate) head: HeaderMap,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    /// Of the upstream connection.
    pub(crate) version: Version,
    pub(crate) alpn: Option<Alpn>,
}

pub(crate) enum Outcome {
    Response(Answered),
    Failed(Failed),
}

/// A response, and what is needed to pass it on.
pub(crate) struct Answered {
    pub(crate) answer: Answer,
    pub(crate) host: Host,
    /// How long the upstream took for the head.
    pub(crate) millis: u64,
}

/// How long a request may take.
#[derive(Debug, Clone)]
pub(crate) struct Timing {
    started: Instant,
    /// From the end of the client's request to the end of the response.
    response: Option<Duration>,
    per_try: Option<Duration>,
    pub(crate) idle: Option<Duration>,
    /// All of the request, counted from its head.
    stream: Option<Duration>,
    /// For the client's request to arrive.
    request: Option<Duration>,
}

impl Timing {
    pub(crate) fn new(plan: &ForwardPlan, prepared: &Prepared, limits: &Limits) -> Self {
        let action = plan.action();
        let mut response = action.and_then(|action| action.timeout);
        if let Some(max) = action.and_then(|action| action.grpc_timeout_max)
            && let Some(asked) = prepared.parts.headers.get("grpc-timeout").and_then(grpc_timeout)
        {
            response = Some(if max.is_zero() { asked } else { asked.min(max) });
        }
        let idle = action.and_then(|action| action.idle_timeout).or(limits.stream_idle);
        Self {
            started: Instant::now(),
            response,
            per_try: action.and_then(|action| action.retry.as_ref()?.per_try_timeout),
            idle: idle.filter(|idle| !idle.is_zero()),
            stream: action.and_then(|action| action.max_stream_duration).or(limits.stream_duration),
            request: limits.request,
        }
    }

    /// What the upstream is told to expect: the shorter of the time for this try and for all of
    /// them.
    pub(crate) fn expected(&self) -> Option<Duration> {
        [self.response, self.per_try].into_iter().flatten().min()
    }

    /// When the response must be there in full; `None` if there is no limit, or the request is not
    /// complete yet.
    pub(crate) fn deadline(&self, progress: Option<&Progress>) -> Option<Instant> {
        let response = self.response_deadline(progress);
        [response, after(self.started, self.stream)].into_iter().flatten().min()
    }

    fn response_deadline(&self, progress: Option<&Progress>) -> Option<Instant> {
        let complete = match progress {
            None => Some(self.started),
            Some(progress) => progress.is_complete().then(|| progress.last_frame()),
        };
        complete.and_then(|complete| after(complete, self.response))
    }

    /// For the whole response, counted from the request's end.
    pub(crate) fn response(&self) -> Option<Duration> {
        self.response
    }

    pub(crate) fn is_over(&self) -> bool {
        self.deadline(None).is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// `100m` and the like (gRPC over HTTP/2, "Timeout").
fn grpc_timeout(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = number.parse().ok().filter(|_| number.len() <= 8)?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// Makes the attempt.
pub(crate) async fn run(
    attempt: Attempt<'_>,
    body: RequestBody,
    timing: &Timing,
    policy: Option<&RetryPolicy>,
    record: &mut Record,
) -> Outcome {
    let progress = record.progress.clone();
    let per_try = policy.and_then(|policy| policy.per_try_timeout);
    let (stats, downstream) =
        (attempt.cluster.labels().stats.clone(), record.downstream.service.stats.clone());
    let exchange = exchange(attempt, body, record);
    let watch = watch(timing, per_try, progress.as_deref());
    tokio::select! {
        biased;
        outcome = exchange => outcome,
        (late, failed) = watch => {
            match late {
                Limit::Request => downstream.downstream_rq_timeout.increment(),
                Limit::All => stats.upstream_rq_timeout.increment(),
                Limit::Try => stats.upstream_rq_per_try_timeout.increment(),
                // Counted by its flag when the request is over, wherever it came from.
                Limit::Idle | Limit::Stream => {}
            }
            Outcome::Failed(failed)
        }
    }
}

/// Returns when the attempt has taken too long, with what it took too long for.
async fn watch(timing: &Timing, per_try: Option<Duration>, progress: Option<&Progress>) -> (Limit, Failed) {
    let began = Instant::now();
    if let Some(progress) = progress {
        let uploaded = async {
            progress.completed().await;
        };
        tokio::select! {
            biased;
            () = uploaded => {}
            () = sleep_until(after(timing.started, timing.request)) => {
                return (Limit::Request, Failed::request_timeout());
            }
            () = sleep_until(after(timing.started, timing.stream)) => {
                return (Limit::Stream, Failed::stream_duration(true));
            }
            () = idle(timing.idle, || progress.last_frame()) => return (Limit::Idle, Failed::idle(true)),
        }
    }
    let deadline = timing.response_deadline(progress);
    let last_frame = progress.map_or(began, Progress::last_frame).max(began);
    let limits = [
        (deadline, Limit::All),
        (after(began, per_try), Limit::Try),
        (after(last_frame, timing.idle), Limit::Idle),
        (after(timing.started, timing.stream), Limit::Stream),
    ];
    let first = limits.into_iter().filter_map(|(at, limit)| Some((at?, limit))).min_by_key(|(at, _)| *at);
    let Some((at, limit)) = first else { return std::future::pending().await };
    tokio::time::sleep_until(at.into()).await;
    let failed = match limit {
        Limit::Request => Failed::request_timeout(),
        Limit::All => Failed::timeout(),
        Limit::Try => Failed::per_try_timeout(),
        Limit::Idle => Failed::idle(false),
        Limit::Stream => Failed::stream_duration(false),
    };
    (limit, failed)
}

#[derive(Clone, Copy)]
enum Limit {
    /// For the client's request.
    Request,
    /// For the response, all attempts together.
    All,
    Try,
    Idle,
    Stream,
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// Returns when nothing has moved for that long.
async fn idle(limit: Option<Duration>, last: impl Fn() -> Instant) {
    let Some(limit) = limit else { return std::future::pending().await };
    loop {
        let at = last() + limit;
        if Instant::now() >= at {
            return;
        }
        tokio::time::sleep_until(at.into()).await;
    }
}

async fn exchange(attempt: Attempt<'_>, body: RequestBody, record: &mut Record) -> Outcome {
    let cluster = attempt.cluster;
    let follows_authority = cluster.config().http.auto_sni || cluster.config().http.auto_san_validation;
    let host = Host {
        address: attempt.endpoint.address.clone(),
        authority: follows_authority.then(|| attempt.authority.to_str().unwrap_or_default().into()),
        alpn: attempt.alpn.clone(),
    };
    // What is logged if no connection can be made.
    record.entry.upstream_host = Some(host.address.clone());
    let mut request = Request::new(body);
    *request.method_mut() = attempt.method.clone();
    *request.uri_mut() = attempt.uri;
    *request.version_mut() = attempt.version;
    *request.headers_mut() = attempt.head;

    let pool = &cluster.http.pool;
    if attempt.version == Version::HTTP_2 {
        return exchange_http2(cluster, attempt.endpoint, host, request, record).await;
    }
    let idempotent = attempt.method.is_idempotent() && matches!(request.body(), RequestBody::Empty);
    loop {
        let (mut connection, fresh) = match pool.acquire_http1(cluster, attempt.endpoint, &host).await {
            Ok(acquired) => acquired,
            Err(error) => return Outcome::Failed(Failed::connect(error, record)),
        };
        record.connection(&connection.facts, fresh, attempt.version);
        // A pooled connection may have been closed by the other side just now. If the request did
        // not get out, or can be repeated without harm, that is not the client's concern (RFC 9110
        // §9.2.2).
        let repeat = (!fresh && idempotent).then(|| copy(&request));
        match connection.send(request).await {
            Ok(response) => return http1_answer(response, connection, host, record),
            Err((NoResponse::NotSent, Some(back))) if !fresh => request = back,
            Err((reason, _)) => match (reason, repeat) {
                (NoResponse::Reset { .. }, Some(repeat)) => request = repeat,
                (reason, _) => return Outcome::Failed(Failed::no_response(&reason)),
            },
        }
    }
}

/// So many connections may turn out to be closed, one after the other, before a request that got
/// onto none of them has failed.
const CONNECTIONS: usize = 10;

async fn exchange_http2(
    cluster: &Arc<UpstreamCluster>,
    endpoint: &Arc<Endpoint>,
    host: Host,
    mut request: Request<RequestBody>,
    record: &mut Record,
) -> Outcome {
    let pool = &cluster.http.pool;
    for left in (0..CONNECTIONS).rev() {
        let (mut connection, mut lease, fresh) = match pool.lease_http2(cluster, endpoint, &host).await {
            Ok(leased) => leased,
            Err(error) => return Outcome::Failed(Failed::connect(error, record)),
        };
        record.connection(lease.facts(), fresh, Version::HTTP_2);
        match connection.send(request, &mut lease).await {
            Ok(response) => {
                let answer = Answer { response, carrier: Carrier::Http2 { lease } };
                return Outcome::Response(Answered { answer, host, millis: record.first_byte() });
            }
            // A GOAWAY came between the choice of the connection and the request, which is as it
            // was.
            Err((NoResponse::NotSent, Some(back))) if left > 0 => request = back,
            Err((reason, _)) => return Outcome::Failed(Failed::no_response(&reason)),
        }
    }
    Outcome::Failed(Failed::no_response(&NoResponse::NotSent))
}

fn http1_answer(
    response: http::Response<hyper::body::Incoming>,
    connection: Box<Http1>,
    host: Host,
    record: &mut Record,
) -> Outcome {
    // Two lengths, and no telling which of them others will believe (RFC 9112 §6.1). The connection
    // ends with it.
    let headers = response.headers();
    if headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH) {
        return Outcome::Failed(Failed::no_response(&NoResponse::Protocol));
    }
    let answer = Answer { response, carrier: Carrier::Http1(connection) };
    Outcome::Response(Answered { answer, host, millis: record.first_byte() })
}

/// The same request without a body.
fn copy(request: &Request<RequestBody>) -> Request<RequestBody> {
    let mut copy = Request::new(RequestBody::Empty);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// The latest moment for something that must end within `limit`, if it is limited.
fn after(start: Instant, limit: Option<Duration>) -> Option<Instant> {
    limit.and_then(|limit| start.checked_add(limit))
}
