//! What a request must be before it is routed: well-formed, cleaned of what is for this hop only, and marked for the next.
//!
//! It must not know where it goes.

use carrick_policy::http::forwarded;
use carrick_policy::http::manager::StripPort;
use carrick_policy::http::path::Normalized;
use carrick_policy::http::prepared::Prepared;
use carrick_policy::http::reply::LocalReply;
use carrick_policy::http::sanitize;
use http::header::{CONNECTION, EXPECT, HOST};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, StatusCode, Uri, Version};
use hyper::body::{Body, Incoming};
use rand::RngCore;

use super::downstream::Downstream;
use super::own_address::own_address;
use super::record::Record;

/// Refuses what is malformed, takes off what is for this hop only, and adds what the next hop should know.
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
    check_scheme(&parts, &downstream)?;
    let authority = authority(&parts, &downstream)?;
    record.http().authority = authority.to_str().unwrap_or_default().to_owned();
    let upgrade = sanitize::upgrade_wanted(&parts);
    if ends_with_answer(&parts) {
        downstream.close_after_answer();
    }
    sanitize::remove_hop_by_hop(&mut parts.headers)?;
    // hyper answers `expect: 100-continue` when the body is first read; for the next hop it is no longer a question.
    if parts.headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        parts.headers.remove(EXPECT);
    }
    manager.underscores.apply(&mut parts.headers)?;
    let client = forwarded::identify(&mut parts.headers, &downstream.info, &manager.client, own_address);
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
    let edge = downstream.manager().client.use_remote_address;
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
    let manager = downstream.manager();
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
        StripPort::Any => carrick_policy::http::route::without_port(text),
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
    let new = match downstream.manager().path.apply(path) {
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
