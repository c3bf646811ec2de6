//! What a request must be before it is routed: well-formed, cleaned of what is for this hop only,
//! and marked for the next.
//!
//! It must not know where it goes.

use carrick_policy::http::forwarded;
use carrick_policy::http::prepared::Prepared;
use carrick_policy::http::reply::LocalReply;
use carrick_policy::http::request::{authority, check_scheme, ends_with_answer, normalized};
use carrick_policy::http::sanitize;
use http::header::EXPECT;
use http::request::Parts;
use http::{StatusCode, Version};
use hyper::body::{Body, Incoming};
use rand::RngCore;

use super::own_address::own_address;
use super::record::Record;

/// Refuses what is malformed, takes off what is for this hop only, and adds what the next hop
/// should know.
pub(crate) fn prepare(
    mut parts: Parts,
    body: &Incoming,
    record: &mut Record,
) -> Result<Prepared, LocalReply> {
    let downstream = record.downstream.clone();
    let manager = downstream.manager();
    if parts.version < Version::HTTP_11 && !manager.http1.accept_http_10 {
        return Err(LocalReply::malformed(StatusCode::UPGRADE_REQUIRED, "low_version"));
    }
    if downstream.is_http2 && parts.headers.len() > manager.limits.max_headers {
        let reply = LocalReply::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "http2.too_many_headers");
        return Err(reply);
    }
    sanitize::check(&parts)?;
    let info = &downstream.info;
    check_scheme(&parts, manager, downstream.is_http2, info.tls.is_some())?;
    let authority = authority(&parts, manager, info.local.port())?;
    record.http().authority = authority.to_str().unwrap_or_default().to_owned();
    let upgrade = sanitize::upgrade_wanted(&parts);
    if ends_with_answer(&parts) {
        downstream.close_after_answer();
    }
    sanitize::remove_hop_by_hop(&mut parts.headers)?;
    // hyper answers `expect: 100-continue` when the body is first read; for the next hop it is no
    // longer a question.
    if parts.headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        parts.headers.remove(EXPECT);
    }
    manager.underscores.apply(&mut parts.headers)?;
    let client = forwarded::identify(&mut parts.headers, info, &manager.client, own_address);
    record.entry.client = client.address;
    record.http().scheme = client.scheme;
    manager.xfcc.apply(&mut parts.headers, info.tls.as_deref());
    if let Some(via) = &manager.via {
        forwarded::append_via(&mut parts.headers, via);
    }
    parts.uri = normalized(&parts.uri, &manager.path)?;
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
