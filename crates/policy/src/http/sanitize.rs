//! What no request may bring past the proxy: framing that two parsers could read differently, and
//! headers that concern only one hop. Everything here is decided before routing.
//!
//! It must not know about routes or upstreams.

use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};

use super::reply::LocalReply;

/// Envoy's `headers_with_underscores_action`: some servers take `_` for `-`, and so can be fooled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Underscores {
    #[default]
    Allow,
    Reject,
    Drop,
}

/// Headers that are about one connection only (RFC 9110 §7.6.1).
const HOP_BY_HOP: [HeaderName; 5] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Refuses what is ambiguous or malformed. HTTP/2 framing was checked by its codec.
pub fn check(request: &Parts) -> Result<(), LocalReply> {
    let headers = &request.headers;
    if request.method == Method::CONNECT {
        // Carrick is no tunnel (reliability: "no open proxy"): no route leads anywhere for it.
        return Err(LocalReply::route_not_found().closing());
    }
    if request.method.as_str() == "QUERY" && !headers.contains_key(CONTENT_TYPE) {
        return Err(LocalReply::bad_request("query_missing_content_type"));
    }
    let is_http1 = request.version < Version::HTTP_2;
    if headers.get_all(HOST).iter().nth(1).is_some() {
        return Err(LocalReply::malformed(StatusCode::BAD_REQUEST, "http1.codec_error"));
    }
    if is_http1 {
        check_transfer_encoding(headers)?;
    }
    let path = request.uri.path();
    let asterisk = path == "*" && request.method == Method::OPTIONS;
    if !path.starts_with('/') && !asterisk || !path.is_ascii() {
        return Err(LocalReply::malformed(StatusCode::BAD_REQUEST, "http1.invalid_url"));
    }
    Ok(())
}

/// `chunked`, once, and nothing else: every other form is one that some server reads differently.
fn check_transfer_encoding(headers: &HeaderMap) -> Result<(), LocalReply> {
    let mut values = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(first) = values.next() else { return Ok(()) };
    if headers.contains_key(CONTENT_LENGTH) {
        let details = "http1.content_length_and_chunked_not_allowed";
        return Err(LocalReply::malformed(StatusCode::BAD_REQUEST, details));
    }
    if values.next().is_some() || !first.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return Err(LocalReply::malformed(StatusCode::NOT_IMPLEMENTED, "http1.invalid_transfer_encoding"));
    }
    Ok(())
}

/// Whether this is an authority that routes, logs and upstreams will all read the same (RFC 3986
/// §3.2, without user info).
pub fn is_authority(authority: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(&byte);
    !authority.is_empty() && authority.bytes().all(allowed)
}

/// The protocol that a request wants to change to. `h2c` is never done (RFC 9113 §3.1 took it
/// back), so it is ignored.
pub fn upgrade_wanted(parts: &Parts) -> Option<String> {
    if parts.version != Version::HTTP_11 {
        return None;
    }
    let connection = parts.headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let asks = connection
        .flat_map(|value| value.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case("upgrade"));
    let kind = parts.headers.get(UPGRADE).filter(|_| asks)?.to_str().ok()?;
    (!kind.trim().is_empty() && !kind.eq_ignore_ascii_case("h2c")).then(|| kind.to_ascii_lowercase())
}

/// Removes what is for this hop only, and what the `connection` header says is. Refused if that
/// would remove what other hops rely on.
pub fn remove_hop_by_hop(headers: &mut HeaderMap) -> Result<(), LocalReply> {
    if headers.contains_key(CONNECTION) {
        remove_nominated(headers)?;
    }
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    // `te: trailers` says that the client can take trailers; anything else is about transfer
    // encodings of this hop.
    if let Some(te) = headers.get(TE)
        && te.as_bytes() != b"trailers"
    {
        let trailers = te.to_str().is_ok_and(|te| te.split(',').any(|token| token.trim() == "trailers"));
        match trailers {
            true => headers.insert(TE, HeaderValue::from_static("trailers")),
            false => headers.remove(TE),
        };
    }
    Ok(())
}

fn remove_nominated(headers: &mut HeaderMap) -> Result<(), LocalReply> {
    let mut nominated = Vec::new();
    for value in headers.get_all(CONNECTION) {
        for token in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            match token.to_ascii_lowercase().as_slice() {
                b"" | b"close" | b"keep-alive" | b"upgrade" | b"te" => {}
                b"host" => return Err(LocalReply::bad_request("missing_host_header")),
                name if name.starts_with(b":") || name.starts_with(b"x-forwarded-") => {
                    return Err(LocalReply::malformed(
                        StatusCode::BAD_REQUEST,
                        "http1.connection_header_rejected",
                    ));
                }
                name => nominated.extend(HeaderName::from_bytes(name)),
            }
        }
    }
    for name in nominated {
        headers.remove(name);
    }
    Ok(())
}

impl Underscores {
    pub fn apply(self, headers: &mut HeaderMap) -> Result<(), LocalReply> {
        if self == Self::Allow {
            return Ok(());
        }
        let with_underscore: Vec<_> =
            headers.keys().filter(|name| name.as_str().contains('_')).cloned().collect();
        if self == Self::Reject && !with_underscore.is_empty() {
            return Err(LocalReply::malformed(StatusCode::BAD_REQUEST, "http1.unexpected_underscore"));
        }
        for name in with_underscore {
            headers.remove(name);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
