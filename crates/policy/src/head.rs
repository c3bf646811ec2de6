//! A request's head as routing sees it: cleaned, normalised, nothing of the transport left.
//!
//! It must not know where the request came from.

use http::{HeaderMap, Method};

/// What a route is chosen by.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a> {
    pub method: &'a Method,
    /// `http` or `https`, as the client used it.
    pub scheme: &'static str,
    /// As the client wrote it, port included.
    pub authority: &'a str,
    /// Path and query.
    pub path: &'a str,
    pub headers: &'a HeaderMap,
    /// Decides between weighted clusters; drawn once per request.
    pub random: u64,
}

impl<'a> RequestHead<'a> {
    /// The path without its query.
    pub fn path_only(&self) -> &'a str {
        self.path.split('?').next().unwrap_or_default()
    }

    /// What follows the `?`, or nothing.
    pub fn query(&self) -> &'a str {
        self.path.split_once('?').map_or("", |(_, query)| query)
    }

    /// gRPC calls get their errors as trailers (gRPC over HTTP/2, "Requests").
    pub fn is_grpc(&self) -> bool {
        is_grpc(self.headers)
    }
}

pub fn is_grpc(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(http::header::CONTENT_TYPE) else { return false };
    match value.as_bytes().strip_prefix(b"application/grpc") {
        Some(rest) => matches!(rest.first(), None | Some(b'+' | b';')),
        None => false,
    }
}

/// The HTTP status that stands for the gRPC status of a response without messages (Envoy docs,
/// "gRPC status to HTTP status").
pub fn grpc_as_http(headers: &HeaderMap) -> Option<u16> {
    if !is_grpc(headers) {
        return None;
    }
    let status = headers.get("grpc-status")?.to_str().ok()?.parse().ok()?;
    Some(match status {
        0 => 200,
        1 => 499,
        3 | 9 | 11 => 400,
        4 => 504,
        5 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        12 => 501,
        14 => 503,
        16 => 401,
        // What is unknown, internal or lost, and numbers that gRPC does not have.
        _ => 500,
    })
}
