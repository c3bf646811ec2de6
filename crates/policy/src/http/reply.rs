//! Answers that the proxy gives itself, with Envoy's bodies, flags and response code details.
//!
//! It must not know when they are due.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use crate::access_log::ResponseFlag;

/// An answer that no upstream gave.
#[derive(Debug, Clone)]
pub struct LocalReply {
    pub status: StatusCode,
    pub body: Bytes,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub flag: Option<ResponseFlag>,
    /// For gRPC calls, instead of the one that the status stands for.
    grpc_status: Option<u32>,
    /// `%RESPONSE_CODE_DETAILS%`
    pub details: Cow<'static, str>,
    /// Whether the connection is to be closed after it (HTTP/1.1).
    pub close: bool,
    /// Whether the route itself is this answer: a redirect, or a direct response.
    pub of_route: bool,
}

impl LocalReply {
    pub fn new(status: StatusCode, details: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            body: Bytes::new(),
            headers: Vec::new(),
            flag: None,
            grpc_status: None,
            details: details.into(),
            close: false,
            of_route: false,
        }
    }

    /// What a route says that leads nowhere else.
    pub fn of_route(status: StatusCode) -> Self {
        Self { of_route: true, ..Self::new(status, "direct_response") }
    }

    /// What a client gets whose message makes no sense: the status in words, as Envoy's codec gives
    /// it.
    pub fn malformed(status: StatusCode, details: &'static str) -> Self {
        let words = status.canonical_reason().unwrap_or_default();
        Self::new(status, details).with_body(words).flagged(ResponseFlag::DownstreamProtocolError).closing()
    }

    /// No route leads anywhere for this request.
    pub fn route_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "route_not_found").flagged(ResponseFlag::NoRouteFound)
    }

    /// What a client gets whose message can be read, but not be forwarded.
    pub fn bad_request(details: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, details).closing()
    }

    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub fn flagged(mut self, flag: ResponseFlag) -> Self {
        self.flag = Some(flag);
        self
    }

    pub fn with_grpc_status(mut self, status: u32) -> Self {
        self.grpc_status = Some(status);
        self
    }

    pub fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    /// The response. A gRPC call gets a trailers-only response with status 200, as gRPC over HTTP/2
    /// wants it.
    pub fn into_response(self, is_grpc: bool) -> (Response<()>, Bytes) {
        let mut headers = HeaderMap::with_capacity(4);
        for (name, value) in self.headers {
            headers.append(name, value);
        }
        if is_grpc {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            let of_http = HeaderValue::from_static(grpc_status(self.status));
            headers.insert("grpc-status", self.grpc_status.map_or(of_http, HeaderValue::from));
            if !self.body.is_empty() {
                headers.insert("grpc-message", grpc_message(&self.body));
            }
            return (response(StatusCode::OK, headers), Bytes::new());
        }
        if !self.body.is_empty() {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(self.body.len()));
            headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("text/plain"));
        }
        (response(self.status, headers), self.body)
    }
}

fn response(status: StatusCode, headers: HeaderMap) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// gRPC's own mapping of HTTP status codes (grpc/doc/http-grpc-status-mapping.md).
fn grpc_status(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "13",
        401 => "16",
        403 => "7",
        404 => "12",
        429 | 502..=504 => "14",
        _ => "2",
    }
}

/// Percent-encoded, as gRPC wants it (gRPC over HTTP/2, "Percent-Encoded").
fn grpc_message(body: &[u8]) -> HeaderValue {
    let mut message = Vec::with_capacity(body.len());
    for byte in body {
        match byte {
            b' '..=b'~' if *byte != b'%' => message.push(*byte),
            _ => message.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    HeaderValue::from_bytes(&message).unwrap_or(HeaderValue::from_static(""))
}
