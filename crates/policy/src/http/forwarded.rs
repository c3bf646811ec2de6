//! The headers that tell the next hop about the client: x-forwarded-for, x-forwarded-proto,
//! x-request-id and kin; and those that a client may not set because proxies act on them. Rules:
//! Envoy docs, "HTTP header manipulation".
//!
//! It must not know about routes.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue};
use rand::RngCore;

use crate::connection::ConnectionInfo;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_ENVOY_EXTERNAL_ADDRESS: HeaderName = HeaderName::from_static("x-envoy-external-address");
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Control headers of Envoy's router: from a client that is not ours they are removed (Envoy docs,
/// "Header sanitizing").
const FOR_INTERNAL_CLIENTS: [HeaderName; 15] = [
    HeaderName::from_static("x-envoy-internal"),
    HeaderName::from_static("x-envoy-retriable-status-codes"),
    HeaderName::from_static("x-envoy-retriable-header-names"),
    HeaderName::from_static("x-envoy-retry-on"),
    HeaderName::from_static("x-envoy-retry-grpc-on"),
    HeaderName::from_static("x-envoy-max-retries"),
    HeaderName::from_static("x-envoy-upstream-alt-stat-name"),
    HeaderName::from_static("x-envoy-upstream-rq-timeout-ms"),
    HeaderName::from_static("x-envoy-upstream-rq-per-try-timeout-ms"),
    HeaderName::from_static("x-envoy-upstream-rq-timeout-alt-response"),
    HeaderName::from_static("x-envoy-expected-rq-timeout-ms"),
    HeaderName::from_static("x-envoy-force-trace"),
    HeaderName::from_static("x-envoy-ip-tags"),
    HeaderName::from_static("x-envoy-hedge-on-per-try-timeout"),
    HeaderName::from_static("x-envoy-upstream-stream-duration-ms"),
];

/// Removed as well where this proxy is the edge (`use_remote_address`).
const FOR_INNER_HOPS: [HeaderName; 5] = [
    HeaderName::from_static("x-envoy-decorator-operation"),
    HeaderName::from_static("x-envoy-downstream-service-cluster"),
    HeaderName::from_static("x-envoy-downstream-service-node"),
    HeaderName::from_static("x-envoy-original-path"),
    HeaderName::from_static("x-envoy-original-host"),
];

/// What is believed of what a client says about itself, and what is told about it.
#[derive(Debug, Clone, Default)]
pub struct ClientPolicy {
    pub use_remote_address: bool,
    pub trusted_hops: u32,
    pub skip_xff_append: bool,
    pub generate_request_id: bool,
    pub preserve_external_request_id: bool,
}

/// What was learnt about the client.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    /// `http` or `https`, as the client used it.
    pub scheme: &'static str,
    /// From x-forwarded-for, where that is trusted; its port is not known and so zero.
    pub address: Option<SocketAddr>,
}

/// The address that this machine would use towards others; asked for only where it is needed.
pub type OwnAddress = fn() -> IpAddr;

/// Brings the headers in order and says what they tell about the client.
pub fn identify(
    headers: &mut HeaderMap,
    info: &ConnectionInfo,
    policy: &ClientPolicy,
    own: OwnAddress,
) -> Client {
    let own_scheme = if info.tls.is_some() { "https" } else { "http" };
    let hops = policy.trusted_hops as usize;
    let mut address = None;
    if policy.use_remote_address {
        if hops > 0 {
            address = nth_from_last(headers, hops - 1);
        }
        if !policy.skip_xff_append {
            append_forwarded_for(headers, info.remote.ip(), own);
        }
        if hops == 0 || !headers.contains_key(X_FORWARDED_PROTO) {
            headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(own_scheme));
        }
    } else {
        address = nth_from_last(headers, hops);
    }
    let scheme = match headers.get(X_FORWARDED_PROTO) {
        Some(value) if value.as_bytes().eq_ignore_ascii_case(b"https") => "https",
        Some(value) if value.as_bytes().eq_ignore_ascii_case(b"http") => "http",
        Some(_) => own_scheme,
        None => {
            headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(own_scheme));
            own_scheme
        }
    };
    remove_control_headers(headers, policy.use_remote_address);
    if policy.use_remote_address {
        set_external_address(headers, address.unwrap_or(info.remote.ip()));
    }
    request_id(headers, policy);
    Client { scheme, address: address.map(|ip| SocketAddr::new(ip, 0)) }
}

/// An edge tells the hops behind it whom it takes for the client (Envoy docs,
/// "x-envoy-external-address").
fn set_external_address(headers: &mut HeaderMap, address: IpAddr) {
    if let Ok(value) = HeaderValue::from_str(&address.to_canonical().to_string()) {
        headers.insert(X_ENVOY_EXTERNAL_ADDRESS, value);
    }
}

fn remove_control_headers(headers: &mut HeaderMap, edge: bool) {
    // One look at the names instead of twenty look-ups: most requests have none of them.
    if !headers.keys().any(|name| name.as_str().starts_with("x-envoy-")) {
        return;
    }
    for name in &FOR_INTERNAL_CLIENTS {
        headers.remove(name);
    }
    if edge {
        for name in &FOR_INNER_HOPS {
            headers.remove(name);
        }
    }
}

/// The address `skip` places before the last one in x-forwarded-for.
fn nth_from_last(headers: &HeaderMap, skip: usize) -> Option<IpAddr> {
    let mut all = headers.get_all(X_FORWARDED_FOR).iter().rev();
    let mut left = skip;
    all.find_map(|line| {
        let line = line.to_str().ok()?;
        for address in line.rsplit(',') {
            match left {
                0 => return Some(address.trim().parse().ok()),
                _ => left -= 1,
            }
        }
        None
    })?
}

/// Marks a request that this proxy makes of its own accord: it is the client, and an internal one.
pub fn mark_own(headers: &mut HeaderMap, own: OwnAddress) {
    headers.insert("x-envoy-internal", HeaderValue::from_static("true"));
    append_forwarded_for(headers, own(), own);
}

/// One line, so that no later hop overlooks the last address.
fn append_forwarded_for(headers: &mut HeaderMap, remote: IpAddr, own: OwnAddress) {
    // The loopback address tells the next hop nothing; Envoy gives the machine's own address then.
    let remote = remote.to_canonical();
    let loopback = remote == IpAddr::from(Ipv4Addr::LOCALHOST) || remote == IpAddr::from(Ipv6Addr::LOCALHOST);
    let address = if loopback { own() } else { remote };
    let mut value = Vec::with_capacity(48);
    for line in headers.get_all(X_FORWARDED_FOR) {
        value.extend_from_slice(line.as_bytes());
        value.push(b',');
    }
    value.extend_from_slice(address.to_string().as_bytes());
    // Header values and an address make a header value.
    if let Ok(value) = HeaderValue::from_bytes(&value) {
        headers.insert(X_FORWARDED_FOR, value);
    }
}

/// Envoy's rules: made where missing, and at the edge even where the client sent one, unless that
/// is to be preserved.
fn request_id(headers: &mut HeaderMap, policy: &ClientPolicy) {
    if !policy.generate_request_id {
        return;
    }
    let edge = policy.use_remote_address && !policy.preserve_external_request_id;
    if edge || !headers.contains_key(X_REQUEST_ID) {
        headers.insert(X_REQUEST_ID, uuid());
    }
}

/// A random UUID (RFC 9562, version 4).
fn uuid() -> HeaderValue {
    let mut bytes = [0_u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut text = [0_u8; 36];
    let mut at = 0;
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text[at] = b'-';
            at += 1;
        }
        text[at] = b"0123456789abcdef"[usize::from(byte >> 4)];
        text[at + 1] = b"0123456789abcdef"[usize::from(byte & 15)];
        at += 2;
    }
    HeaderValue::from_bytes(&text).expect("hexadecimal digits and dashes are a header value")
}

/// Adds this proxy to `via`.
pub fn append_via(headers: &mut HeaderMap, via: &HeaderValue) {
    let mut text = String::new();
    for line in headers.get_all(http::header::VIA).iter().filter_map(|line| line.to_str().ok()) {
        // Writing to a String cannot fail.
        let _ = write!(text, "{line}, ");
    }
    text.push_str(via.to_str().unwrap_or_default());
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert(http::header::VIA, value);
    }
}

#[cfg(test)]
mod tests;
