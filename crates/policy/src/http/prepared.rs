//! A request that is ready to be routed: its head, cleaned, and what was found out about it.
//!
//! It must not know what becomes of it.

use http::HeaderValue;
use http::request::Parts;
use http::uri::PathAndQuery;

use crate::config::tls::Alpn;
use crate::head::RequestHead;

/// A request that is ready to be routed.
pub struct Prepared {
    pub parts: Parts,
    pub authority: HeaderValue,
    pub scheme: &'static str,
    /// The protocol that the client wants to change to, and may.
    pub upgrade: Option<String>,
    pub random: u64,
    pub has_body: bool,
    /// Offered to the upstream instead of what its cluster says.
    pub alpn: Option<Alpn>,
}

impl Prepared {
    pub fn path(&self) -> &str {
        self.parts.uri.path_and_query().map_or("/", PathAndQuery::as_str)
    }

    pub fn head(&self) -> RequestHead<'_> {
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
