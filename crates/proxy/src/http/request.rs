//! One downstream request, from its head to the answer's head: cleaned, planned, and carried out.
//!
//! It must not know how an attempt upstream is made.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::header::{CONNECTION, EXPECT, HOST, SERVER};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::{Body, Incoming};
use rand::RngCore;

use super::downstream::Downstream;
use super::exchange;
use super::failure::OVERLOADED;
use super::filters::{self, Stopped};
use super::forwarded::{self, X_REQUEST_ID};
use super::manager::{ServerHeader, StripPort};
use super::path::Normalized;
use super::plan::{self, Plan};
use super::record::Record;
use super::reply::LocalReply;
use super::response::ResponseBody;
use super::route::{HeaderRules, Route};
use super::sanitize;
use super::upgrade;
use crate::access_log::{Format, FormatContext, Headers, HttpLog};
use crate::config::tls::Alpn;
use crate::head::{RequestHead, is_grpc};

/// A request that is ready to be routed.
pub(crate) struct Prepared {
    pub(crate) parts: Parts,
    pub(crate) authority: HeaderValue,
    pub(crate) scheme: &'static str,
    /// The protocol that the client wants to change to, and may.
    pub(crate) upgrade: Option<String>,
    pub(crate) random: u64,
    pub(crate) has_body: bool,
    /// Offered to the upstream instead of what its cluster says.
    pub(crate) alpn: Option<Alpn>,
}

impl Prepared {
    pub(crate) fn path(&self) -> &str {
        self.parts.uri.path_and_query().map_or("/", PathAndQuery::as_str)
    }

    pub(crate) fn head(&self) -> RequestHead<'_> {
        RequestHead {
            method: &self.parts.method,
            scheme: self.scheme,
            authority: self.authority.to_str().unwrap_or_default(),
            path: self.path(),
            headers: &self.parts.headers,
            random: self.random,
        }
    }
}

/// Answers one request. What is written down about it begins at once, not when the answer is first waited for: the client may be
/// gone by then.
pub(crate) fn handle(
    request: Request<Incoming>,
    downstream: Arc<Downstream>,
) -> impl Future<Output = Response<ResponseBody>> {
    let (parts, body) = request.into_parts();
    let record = Record::new(
        &downstream,
        HttpLog {
            method: parts.method.clone(),
            version: parts.version,
            path: parts.uri.path_and_query().map_or_else(String::new, |path| path.as_str().to_owned()),
            ..HttpLog::default()
        },
    );
    respond(parts, body, downstream, record)
}

async fn respond(
    parts: Parts,
    body: Incoming,
    downstream: Arc<Downstream>,
    mut record: Box<Record>,
) -> Response<ResponseBody> {
    let grpc = is_grpc(&parts.headers);
    let mut prepared = match prepare(parts, &body, &mut record) {
        Ok(prepared) => prepared,
        Err(reply) => return answer(reply, grpc, None, record),
    };
    let plan = match downstream.routes.load() {
        Some(table) => plan::plan(&prepared.head(), &table),
        None => Plan::Answer(plan::not_found(), None),
    };
    let filters = &downstream.manager.filters;
    if let Some(stopped) = filters::run(filters, plan.route(), &mut prepared, &mut record).await {
        return stop(stopped, &plan, &prepared, grpc, record);
    }
    match plan {
        Plan::Answer(reply, route) => {
            record.keep_request_headers(&prepared.parts.headers);
            if let Some(route) = &route {
                name_route(&mut record, route);
            }
            answer(reply, grpc, route.as_deref(), record)
        }
        Plan::Forward(plan) => {
            name_route(&mut record, &plan.route);
            let of_route = plan.action().map_or(&[][..], |action| action.upgrades.as_slice());
            if let Some(kind) = &prepared.upgrade
                && !downstream.manager.allows_upgrade(kind, of_route)
            {
                record.keep_request_headers(&prepared.parts.headers);
                // Where it would have gone.
                record.entry.upstream_cluster = Some(plan.cluster.clone());
                let reply = LocalReply::new(StatusCode::FORBIDDEN, "upgrade_failed").closing();
                return answer(reply, grpc, Some(&plan.route), record);
            }
            match prepared.upgrade.take() {
                Some(kind) => upgrade::forward(plan, prepared, kind, body, record).await,
                None => exchange::forward(plan, prepared, body, record).await,
            }
        }
    }
}

/// A filter's answer.
fn stop(
    stopped: Stopped,
    plan: &Plan,
    prepared: &Prepared,
    grpc: bool,
    mut record: Box<Record>,
) -> Response<ResponseBody> {
    record.keep_request_headers(&prepared.parts.headers);
    if let Some(route) = plan.route() {
        name_route(&mut record, route);
    }
    if let Plan::Forward(plan) = plan {
        // Where it would have gone.
        record.entry.upstream_cluster = Some(plan.cluster.clone());
    }
    match stopped.as_it_is {
        true => answer(stopped.reply, false, None, record),
        false => answer(stopped.reply, grpc, plan.route(), record),
    }
}

fn name_route(record: &mut Record, route: &Route) {
    record.entry.route_name = (!route.name.is_empty()).then(|| route.name.clone());
    record.entry.route_rule.clone_from(&route.rule);
}

/// Refuses what is malformed, takes off what is for this hop only, and adds what the next hop should know.
fn prepare(mut parts: Parts, body: &Incoming, record: &mut Record) -> Result<Prepared, LocalReply> {
    let downstream = record.downstream.clone();
    let manager = &downstream.manager;
    if parts.version < Version::HTTP_11 && !manager.http1.accept_http_10 {
        return Err(LocalReply::malformed(StatusCode::UPGRADE_REQUIRED, "low_version"));
    }
    if downstream.is_http2 && parts.headers.len() > manager.limits.max_headers {
        let reply = LocalReply::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "http2.too_many_headers");
        return Err(reply);
    }
    sanitize::check(&parts)?;
    check_scheme(&parts, &downstream)?;
    let authority = authority(&parts, &downstream)?;
    record.http().authority = authority.to_str().unwrap_or_default().to_owned();
    let upgrade = upgrade::wanted(&parts);
    if ends_with_answer(&parts) {
        downstream.closing.store(true, Ordering::Release);
    }
    sanitize::remove_hop_by_hop(&mut parts.headers)?;
    // hyper answers `expect: 100-continue` when the body is first read; for the next hop it is no longer a question.
    if parts.headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        parts.headers.remove(EXPECT);
    }
    manager.underscores.apply(&mut parts.headers)?;
    let client = forwarded::identify(&mut parts.headers, &downstream.info, &manager.client);
    record.entry.client = client.address;
    record.http().scheme = client.scheme;
    manager.xfcc.apply(&mut parts.headers, downstream.info.tls.as_deref());
    if let Some(via) = &manager.via {
        forwarded::append_via(&mut parts.headers, via);
    }
    parts.uri = normalized(&parts.uri, &downstream)?;
    let has_body = !body.is_end_stream();
    let prepared = Prepared {
        parts,
        authority,
        scheme: client.scheme,
        upgrade,
        random: rand::rng().next_u64(),
        has_body,
        alpn: None,
    };
    let path = prepared.path();
    if record.http().path != path {
        record.http().path = path.to_owned();
    }
    Ok(prepared)
}

/// An edge knows whether it is spoken to through TLS, and believes nobody who says otherwise (Envoy: the same).
fn check_scheme(parts: &Parts, downstream: &Downstream) -> Result<(), LocalReply> {
    let says_https = parts.uri.scheme_str().is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
    let edge = downstream.manager.client.use_remote_address;
    match edge && !downstream.is_http2 && says_https && downstream.info.tls.is_none() {
        true => Err(LocalReply::malformed(StatusCode::FORBIDDEN, "http1.invalid_scheme")),
        false => Ok(()),
    }
}

/// An HTTP/1.0 connection ends with its answer unless it was asked to stay (RFC 9112 §9.3).
fn ends_with_answer(parts: &Parts) -> bool {
    let stays = |value: &HeaderValue| {
        value
            .to_str()
            .is_ok_and(|value| value.split(',').any(|token| token.trim().eq_ignore_ascii_case("keep-alive")))
    };
    parts.version < Version::HTTP_11 && !parts.headers.get_all(CONNECTION).iter().any(stays)
}

/// The authority: of an absolute URI or HTTP/2's pseudo-header, else the Host header.
fn authority(parts: &Parts, downstream: &Downstream) -> Result<HeaderValue, LocalReply> {
    let host = parts.headers.get(HOST).cloned();
    let manager = &downstream.manager;
    let of_uri = parts.uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    let default = || manager.http1.default_host.clone().filter(|_| parts.version < Version::HTTP_11);
    let Some(authority) = of_uri.or(host).filter(|host| !host.is_empty()).or_else(default) else {
        return Err(LocalReply::bad_request("missing_host_header"));
    };
    let text = authority.to_str().unwrap_or_default();
    if !sanitize::is_authority(text) {
        return Err(LocalReply::malformed(StatusCode::BAD_REQUEST, "http.invalid_authority"));
    }
    let mut stripped = match manager.host.strip {
        StripPort::None => text,
        // A colon without a port is left as it is, as in Envoy.
        StripPort::Any if text.ends_with(':') => text,
        StripPort::Any => super::route::without_port(text),
        StripPort::Matching => {
            text.strip_suffix(&format!(":{}", downstream.info.local.port())).unwrap_or(text)
        }
    };
    if manager.host.strip_trailing_dot {
        stripped = stripped.strip_suffix('.').unwrap_or(stripped);
    }
    match stripped.len() == text.len() {
        true => Ok(authority),
        false => HeaderValue::from_str(stripped)
            .map_err(|_| LocalReply::malformed(StatusCode::BAD_REQUEST, "http.invalid_authority")),
    }
}

/// Only path and query, normalised as configured.
fn normalized(uri: &Uri, downstream: &Downstream) -> Result<Uri, LocalReply> {
    let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let new = match downstream.manager.path.apply(path) {
        Normalized::Path(std::borrow::Cow::Borrowed(same)) => {
            if uri.authority().is_none() {
                return Ok(uri.clone());
            }
            same.to_owned()
        }
        Normalized::Path(std::borrow::Cow::Owned(new)) => new,
        Normalized::Rejected => return Err(LocalReply::bad_request("path_normalization_failed")),
        Normalized::Redirect(location) => {
            let location = HeaderValue::from_str(&location)
                .map_err(|_| LocalReply::bad_request("path_normalization_failed"))?;
            let reply = LocalReply::new(StatusCode::TEMPORARY_REDIRECT, "path_normalization_failed");
            return Err(reply.with_header(http::header::LOCATION, location));
        }
    };
    let path =
        PathAndQuery::try_from(new).map_err(|_| LocalReply::bad_request("path_normalization_failed"))?;
    Ok(Uri::from(path))
}

/// Sends an answer of our own.
pub(crate) fn answer(
    reply: LocalReply,
    grpc: bool,
    route: Option<&Route>,
    mut record: Box<Record>,
) -> Response<ResponseBody> {
    if let Some(flag) = reply.flag {
        record.flag(flag);
    }
    record.details(reply.details.clone());
    if reply.close {
        record.downstream.closing.store(true, Ordering::Release);
    }
    match reply.status.is_redirection() {
        true => record.downstream.stats.rq_redirect.increment(),
        false if reply.details == "direct_response" => record.downstream.stats.rq_direct_response.increment(),
        false => {}
    }
    let (response, body) = reply.into_response(grpc);
    let (mut parts, ()) = response.into_parts();
    if record.downstream.manager.suppress_envoy_headers {
        parts.headers.remove(OVERLOADED);
    }
    record.entry.response_code = Some(parts.status.as_u16());
    if let Some(route) = route {
        let rules: Vec<_> = route.headers.iter().map(Arc::as_ref).collect();
        apply_to_response(&rules, &mut parts.headers, &record);
    }
    finish_head(&mut parts.headers, &mut record, true);
    record.keep_response_headers(&parts.headers);
    let is_head = record.http().method == Method::HEAD;
    Response::from_parts(parts, ResponseBody::fixed(if is_head { Bytes::new() } else { body }, record))
}

/// Applies the rules of several levels to a response's headers.
pub(crate) fn apply_to_response(rules: &[&HeaderRules], headers: &mut HeaderMap, record: &Record) {
    let kept = record.entry.http.as_deref().map_or(&[][..], |http| http.request_headers.as_slice());
    let render = |response: &HeaderMap, format: &Format| {
        let context = FormatContext {
            entry: &record.entry,
            request: Headers::List(kept),
            response: Headers::Map(response),
            trailers: Headers::List(&[]),
        };
        super::route::render(format, context)
    };
    for rules in rules {
        rules.apply_to_response(headers, &render);
    }
}

/// The headers that every answer has.
pub(crate) fn finish_head(headers: &mut HeaderMap, record: &mut Record, local: bool) {
    for (name, value) in record.answer_headers.drain(..) {
        headers.insert(name, value);
    }
    let downstream = record.downstream.clone();
    let manager = &downstream.manager;
    match &manager.server {
        ServerHeader::Overwrite(name) => {
            headers.insert(SERVER, name.clone());
        }
        ServerHeader::AppendIfAbsent(name) => {
            headers.entry(SERVER).or_insert_with(|| name.clone());
        }
        ServerHeader::PassThrough if local => {
            headers.remove(SERVER);
        }
        ServerHeader::PassThrough => {}
    }
    if let Some(via) = &manager.via {
        forwarded::append_via(headers, via);
    }
    if manager.request_id_in_response
        && let Some(id) = record.entry.http.as_ref().and_then(|http| http.request_id.clone())
    {
        headers.insert(X_REQUEST_ID, id);
    }
    if !downstream.is_http2 && downstream.closing.load(Ordering::Acquire) {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}
