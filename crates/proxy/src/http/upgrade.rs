//! Upgrades: a request that changes the protocol of its connection, such as to WebSocket. Once the
//! upstream agrees, bytes are passed on in both directions and nothing is read in them.
//!
//! It must not know the protocols that are changed to.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use carrick_policy::access_log::ResponseFlag;
use carrick_policy::http::plan::ForwardPlan;
use carrick_policy::http::prepared::Prepared;
use http::header::{CONNECTION, HOST, UPGRADE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::answer::{answer, finish_head};
use super::attempt::Timing;
use super::exchange::{hash_of, no_cluster};
use super::failure::{self, Failed};
use super::outgoing::rewrite_head;
use super::record::Record;
use super::response::{BodyLimits, Home, ResponseBody};
use crate::cluster::PickContext;
use crate::cluster::http::{Carrier, Host, NoResponse, RequestBody};

/// Forwards the request over a connection of its own. If the upstream does not agree, its answer is
/// passed on like any other.
pub(crate) async fn forward(
    plan: ForwardPlan,
    mut prepared: Prepared,
    kind: String,
    body: Incoming,
    mut record: Box<Record>,
) -> Response<ResponseBody> {
    let env = record.downstream.env.clone();
    let Some(cluster) = env.clusters.get(&plan.cluster) else {
        return answer(no_cluster(&plan), false, Some(&plan.route), record);
    };
    record.cluster(cluster.labels());
    let timing = Timing::new(&plan, &prepared, &record.downstream.manager().limits);
    rewrite_head(&plan, &mut prepared, &mut record, &timing);
    record.keep_request_headers(&prepared.parts.headers);
    let info = record.downstream.info.clone();
    let hash = hash_of(&plan, &prepared, &record, &mut Vec::new());
    let picked = match cluster.pick_for_request(&PickContext { downstream: &info, hash, skip: &[] }) {
        Ok(picked) => picked,
        Err(error) => return answer(failure::no_host(error), false, Some(&plan.route), record),
    };
    record.attempt(picked.guard);
    let host = Host {
        address: picked.endpoint.address.clone(),
        authority: Some(prepared.authority.to_str().unwrap_or_default().into()),
        alpn: prepared.alpn.clone(),
    };
    record.entry.upstream_host = Some(host.address.clone());
    let connection = match cluster.http.pool.connect_http1(&cluster, &picked.endpoint, &host).await {
        Ok(connection) => connection,
        Err(error) => {
            let failed = Failed::connect(error, &mut record);
            return answer(failed.reply(false), false, Some(&plan.route), record);
        }
    };
    record.connection(&connection.facts, true, Version::HTTP_11);
    let (mut sender, connection) = connection.into_parts();
    if let Some(connection) = connection {
        // Lives on as the tunnel, or ends with the response.
        tokio::spawn(connection.with_upgrades());
    }
    let on_upgrade = prepared.parts.extensions.remove::<OnUpgrade>();
    let request = upgrade_request(prepared, &kind, body);
    let sent = sender.send_request(request);
    let sent = match timing.expected() {
        Some(limit) => tokio::time::timeout(limit, sent).await,
        None => Ok(sent.await),
    };
    let response = match sent {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            let failed = Failed::no_response(&NoResponse::Reset { by_peer: true });
            return answer(failed.reply(false), false, Some(&plan.route), record);
        }
        Err(_elapsed) => {
            record.count_upstream(|stats| &stats.upstream_rq_timeout);
            return answer(Failed::timeout().reply(false), false, Some(&plan.route), record);
        }
    };
    record.first_byte();
    let home = Home { cluster, host, endpoint: picked.endpoint };
    respond(response, on_upgrade, kind, record, home, &timing)
}

fn upgrade_request(prepared: Prepared, kind: &str, _body: Incoming) -> Request<RequestBody> {
    // What follows the head belongs to the new protocol; it comes through the tunnel.
    let mut request = Request::new(RequestBody::Empty);
    *request.method_mut() = prepared.parts.method;
    *request.uri_mut() = prepared.parts.uri;
    let mut headers = prepared.parts.headers;
    headers.insert(HOST, prepared.authority);
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(kind) = HeaderValue::from_str(kind) {
        headers.insert(UPGRADE, kind);
    }
    *request.headers_mut() = headers;
    request
}

fn respond(
    mut response: Response<Incoming>,
    downstream: Option<OnUpgrade>,
    kind: String,
    mut record: Box<Record>,
    home: Home,
    timing: &Timing,
) -> Response<ResponseBody> {
    let agreed = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let upstream = hyper::upgrade::on(&mut response);
    let (mut parts, incoming) = response.into_parts();
    super::exchange::remove_hop_by_hop(&mut parts.headers);
    record.entry.response_code = Some(parts.status.as_u16());
    record.passes_on();
    finish_head(&mut parts.headers, &mut record, false);
    record.keep_response_headers(&parts.headers);
    let (true, Some(downstream)) = (agreed, downstream) else {
        let limits = BodyLimits { deadline: None, idle: timing.idle };
        return Response::from_parts(
            parts,
            ResponseBody::relay(incoming, Carrier::Detached, home, limits, record),
        );
    };
    switch(&mut parts.headers, &kind);
    record.downstream.becomes_tunnel();
    let idle = timing.idle;
    tokio::spawn(async move {
        let stats = record.downstream.service.stats.clone();
        stats.downstream_cx_upgrades_total.increment();
        stats.downstream_cx_upgrades_active.increment();
        tunnel(downstream, upstream, idle, record).await;
        stats.downstream_cx_upgrades_active.decrement();
    });
    Response::from_parts(parts, ResponseBody::empty())
}

fn switch(headers: &mut HeaderMap, kind: &str) {
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(kind) = HeaderValue::from_str(kind) {
        headers.insert(UPGRADE, kind);
    }
}

/// Passes bytes on in both directions until both have ended, or nothing moved for too long.
async fn tunnel(downstream: OnUpgrade, upstream: OnUpgrade, idle: Option<Duration>, mut record: Box<Record>) {
    let (Ok(downstream), Ok(upstream)) = (downstream.await, upstream.await) else { return };
    let (from_client, to_client) = tokio::io::split(TokioIo::<Upgraded>::new(downstream));
    let (from_server, to_server) = tokio::io::split(TokioIo::<Upgraded>::new(upstream));
    let (received, sent) = (AtomicU64::new(0), AtomicU64::new(0));
    let mut up = pin!(copy(from_client, to_server, &received));
    let mut down = pin!(copy(from_server, to_client, &sent));
    let (mut up_ended, mut down_ended, mut timed_out) = (false, false, false);
    while !(timed_out || up_ended && down_ended) {
        let before = (received.load(Ordering::Relaxed), sent.load(Ordering::Relaxed));
        tokio::select! {
            () = up.as_mut(), if !up_ended => up_ended = true,
            () = down.as_mut(), if !down_ended => down_ended = true,
            () = tokio::time::sleep(idle.unwrap_or(Duration::from_secs(86_400))) => {
                let moved = before != (received.load(Ordering::Relaxed), sent.load(Ordering::Relaxed));
                timed_out = idle.is_some() && !moved;
            }
        }
    }
    record.entry.bytes_received = received.load(Ordering::Relaxed);
    record.entry.bytes_sent = sent.load(Ordering::Relaxed);
    if timed_out {
        record.flag(ResponseFlag::StreamIdleTimeout);
        record.details("stream_idle_timeout");
    }
    record.completed();
}

/// Copies until the end or an error, then passes the end on.
async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, count: &AtomicU64) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        count.fetch_add(read as u64, Ordering::Relaxed);
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
    // The other side may be gone already.
    let _ = to.shutdown().await;
}

#[cfg(test)]
mod tests;
