//! The head of an answer, whoever gives it: what the route and this hop add to it.
//!
//! It must not know why a request is answered so.

use std::sync::Arc;

use bytes::Bytes;
use carrick_policy::access_log::{Format, FormatContext, Headers};
use carrick_policy::http::forwarded::{self, X_REQUEST_ID};
use carrick_policy::http::manager::ServerHeader;
use carrick_policy::http::reply::LocalReply;
use carrick_policy::http::route::{HeaderRules, Route};
use http::header::{CONNECTION, SERVER};
use http::{HeaderMap, HeaderValue, Method, Response};

use super::failure::OVERLOADED;
use super::record::Record;
use super::response::ResponseBody;

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
        record.downstream.close_after_answer();
    }
    match reply.status.is_redirection() {
        true => record.downstream.stats().rq_redirect.increment(),
        false if reply.of_route => record.downstream.stats().rq_direct_response.increment(),
        false => {}
    }
    let (response, body) = reply.into_response(grpc);
    let (mut parts, ()) = response.into_parts();
    if record.downstream.manager().suppress_envoy_headers {
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
        carrick_policy::http::route::render(format, context)
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
    let manager = downstream.manager();
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
    if !downstream.is_http2 && downstream.closes_after_answer() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}
