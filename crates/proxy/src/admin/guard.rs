//! Who may ask the admin interface for what.
//!
//! Others on the network may learn whether the proxy is ready and how much it does, no more. And a
//! page in somebody's browser may not read anything through a name that its owner pointed at this
//! machine (DNS rebinding): a request must name the address.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, Method, StatusCode, Uri, header};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// From this machine, or through a socket file.
    Local,
    Remote,
}

impl Asker {
    pub(super) fn at(peer: SocketAddr) -> Self {
        if peer.ip().to_canonical().is_loopback() { Self::Local } else { Self::Remote }
    }
}

/// Pages that anyone who reaches the address may see.
const PUBLIC: [&str; 2] = ["/ready", "/stats/prometheus"];

/// Why a request is turned away.
pub(super) fn refuse(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    asker: Asker,
) -> Option<(StatusCode, &'static str)> {
    if method != Method::GET && method != Method::HEAD {
        return Some((StatusCode::METHOD_NOT_ALLOWED, "the admin interface only answers GET and HEAD\n"));
    }
    if !names_an_address(uri, headers) {
        return Some((StatusCode::FORBIDDEN, "ask by IP address or as localhost, not by another name\n"));
    }
    if asker == Asker::Remote && !PUBLIC.contains(&uri.path()) {
        return Some((StatusCode::FORBIDDEN, "from other machines, only /ready and /stats/prometheus\n"));
    }
    None
}

/// Exactly one Host, with an IP address or `localhost`. An absolute URI must name one, too: it
/// counts more (RFC 9112 §3.2.2).
fn names_an_address(uri: &Uri, headers: &HeaderMap) -> bool {
    if uri.authority().is_some_and(|authority| !is_address(authority.as_str())) {
        return false;
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    host.to_str().is_ok_and(is_address)
}

fn is_address(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let numeric = host.parse::<SocketAddr>().is_ok() || bare.parse::<IpAddr>().is_ok();
    let name = host.rsplit_once(':').map_or(host, |(name, _port)| name);
    numeric || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests;
