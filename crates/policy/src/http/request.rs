//! What a request must be before it is routed, beyond what [`sanitize`](super::sanitize) asks of
//! any: scheme, authority and path as the connection manager wants them.
//!
//! It must not know where the request goes.

use std::borrow::Cow;

use http::header::{CONNECTION, HOST};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, StatusCode, Uri, Version};

use super::manager::{HttpManager, StripPort};
use super::path::{Normalized, PathPolicy};
use super::reply::LocalReply;
use super::route::without_port;
use super::sanitize;

/// An edge knows whether it is spoken to through TLS, and believes nobody who says otherwise
/// (Envoy: the same).
pub fn check_scheme(
    parts: &Parts,
    manager: &HttpManager,
    is_http2: bool,
    is_tls: bool,
) -> Result<(), LocalReply> {
    let says_https = parts.uri.scheme_str().is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
    let edge = manager.client.use_remote_address;
    match edge && !is_http2 && says_https && !is_tls {
        true => Err(LocalReply::malformed(StatusCode::FORBIDDEN, "http1.invalid_scheme")),
        false => Ok(()),
    }
}

/// An HTTP/1.0 connection ends with its answer unless it was asked to stay (RFC 9112 §9.3).
pub fn ends_with_answer(parts: &Parts) -> bool {
    let stays = |value: &HeaderValue| {
        value
            .to_str()
            .is_ok_and(|value| value.split(',').any(|token| token.trim().eq_ignore_ascii_case("keep-alive")))
    };
    parts.version < Version::HTTP_11 && !parts.headers.get_all(CONNECTION).iter().any(stays)
}

/// The authority: of an absolute URI or HTTP/2's pseudo-header, else the Host header. `port` is the
/// one that the client connected to.
pub fn authority(parts: &Parts, manager: &HttpManager, port: u16) -> Result<HeaderValue, LocalReply> {
    let host = parts.headers.get(HOST).cloned();
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
        StripPort::Any => without_port(text),
        StripPort::Matching => text.strip_suffix(&format!(":{}", port)).unwrap_or(text),
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
pub fn normalized(uri: &Uri, policy: &PathPolicy) -> Result<Uri, LocalReply> {
    let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let new = match policy.apply(path) {
        Normalized::Path(Cow::Borrowed(same)) => {
            if uri.authority().is_none() {
                return Ok(uri.clone());
            }
            same.to_owned()
        }
        Normalized::Path(Cow::Owned(new)) => new,
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
