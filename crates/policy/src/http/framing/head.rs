//! Whether the head of an HTTP/1 request means the same to everyone who reads it, and how the body
//! behind it is framed.
//!
//! Pure. Strict where parsers are known to differ (RFC 9112 §3, §5, §6.3), with the answers that
//! Envoy gives. It must not know routes, nor what headers mean beyond framing.

use http::StatusCode;

use crate::access_log::ResponseFlag;

/// What of the configuration matters here.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    pub accept_http_10: bool,
    pub custom_methods: bool,
    pub max_headers: usize,
}

/// Where a request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    Length(u64),
    Chunked,
}

/// Why a message is not read on, and what the client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{details}")]
pub struct Malformed {
    pub status: StatusCode,
    pub details: &'static str,
    /// The message could be read, but is not for us: no protocol error, and no words in the answer.
    pub readable: bool,
}

impl Malformed {
    pub fn flag(&self) -> Option<ResponseFlag> {
        (!self.readable).then_some(ResponseFlag::DownstreamProtocolError)
    }

    pub const fn new(status: StatusCode, details: &'static str) -> Self {
        Self { status, details, readable: false }
    }
}

pub const CODEC: Malformed = Malformed::new(StatusCode::BAD_REQUEST, "http1.codec_error");
pub const TOO_LARGE: Malformed =
    Malformed::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "http1.headers_too_large");
pub const TOO_SLOW: Malformed =
    Malformed { status: StatusCode::REQUEST_TIMEOUT, details: "request_header_timeout", readable: true };
const TOO_MANY: Malformed =
    Malformed::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "http1.too_many_headers");
const LOW_VERSION: Malformed = Malformed::new(StatusCode::UPGRADE_REQUIRED, "low_version");
const INVALID_URL: Malformed = Malformed::new(StatusCode::BAD_REQUEST, "http1.invalid_url");
const INVALID_SCHEME: Malformed = Malformed::new(StatusCode::BAD_REQUEST, "http1.invalid_scheme");
const CHARACTERS: Malformed = Malformed::new(StatusCode::BAD_REQUEST, "http1.invalid_characters");
const BOTH_LENGTHS: Malformed =
    Malformed::new(StatusCode::BAD_REQUEST, "http1.content_length_and_chunked_not_allowed");
const ENCODING: Malformed = Malformed::new(StatusCode::NOT_IMPLEMENTED, "http1.invalid_transfer_encoding");
const BODY_DISALLOWED: Malformed = Malformed::new(StatusCode::BAD_REQUEST, "http1.body_disallowed");
/// A fragment is for the client alone (RFC 3986 §3.5); who sends one hopes that somebody behind us
/// cuts it off.
const FRAGMENT: Malformed =
    Malformed { status: StatusCode::BAD_REQUEST, details: "path_normalization_failed", readable: true };

/// The methods that Envoy knows.
const METHODS: [&[u8]; 35] = [
    b"GET",
    b"POST",
    b"PUT",
    b"DELETE",
    b"HEAD",
    b"OPTIONS",
    b"PATCH",
    b"CONNECT",
    b"TRACE",
    b"ACL",
    b"BIND",
    b"CHECKOUT",
    b"COPY",
    b"LINK",
    b"LOCK",
    b"M-SEARCH",
    b"MERGE",
    b"MKACTIVITY",
    b"MKCALENDAR",
    b"MKCOL",
    b"MOVE",
    b"NOTIFY",
    b"PROPFIND",
    b"PROPPATCH",
    b"PURGE",
    b"REBIND",
    b"REPORT",
    b"SEARCH",
    b"SOURCE",
    b"SUBSCRIBE",
    b"UNBIND",
    b"UNLINK",
    b"UNLOCK",
    b"UNSUBSCRIBE",
    b"QUERY",
];

/// Judges a whole head, from the request line to the empty line.
pub fn judge(head: &[u8], rules: &Rules) -> Result<Framing, Malformed> {
    let mut lines = lines(head).skip_while(|line| line.is_empty());
    let line = lines.next().ok_or(CODEC)?;
    let is_connect = line.starts_with(b"CONNECT ");
    let asked = request_line(line, rules);
    if !is_connect {
        asked?;
    }
    let (mut length, mut encoding, mut count) = (None, None, 0);
    for line in lines.take_while(|line| !line.is_empty()) {
        count += 1;
        let (name, value) = header(line)?;
        if name.eq_ignore_ascii_case(b"content-length") {
            if length.is_some() {
                return Err(CODEC);
            }
            length = Some(number(value)?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            // A second line would make a list, which is never plain `chunked`.
            encoding = Some(encoding.is_none() && value.eq_ignore_ascii_case(b"chunked"));
        }
    }
    if count > rules.max_headers {
        return Err(TOO_MANY);
    }
    match (length, encoding) {
        (Some(_), Some(_)) => Err(BOTH_LENGTHS),
        (_, Some(false)) => Err(ENCODING),
        (_, Some(true)) if is_connect => Err(ENCODING),
        (Some(1..), None) if is_connect => Err(BODY_DISALLOWED),
        (_, Some(true)) => Ok(Framing::Chunked),
        (length, None) => asked.map(|()| Framing::Length(length.unwrap_or(0))),
    }
}

/// What can be said of a head that goes on: a bad request line is refused at once.
pub fn judge_beginning(head: &[u8], rules: &Rules) -> Result<(), Malformed> {
    let blank = head.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    if head[blank..].iter().filter(|byte| **byte == b'\n').count() > rules.max_headers + 1 {
        return Err(TOO_MANY);
    }
    match head[blank..].iter().position(|byte| *byte == b'\n') {
        Some(end) => {
            lines(&head[blank..=blank + end]).next().map_or(Ok(()), |line| request_line(line, rules))
        }
        None => Ok(()),
    }
}

/// Lines without their ends. The codec takes a bare LF for an end, too.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// Where a head ends that begins at the start of `bytes`: behind its first empty line, not counting
/// empty lines before it. `from` bytes are known not to hold the end.
pub fn end(bytes: &[u8], from: usize) -> Option<usize> {
    let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let mut at = from.saturating_sub(3).max(blank);
    while let Some(found) = bytes.get(at..)?.iter().position(|byte| *byte == b'\n') {
        at += found + 1;
        match bytes.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
    None
}

fn request_line(line: &[u8], rules: &Rules) -> Result<(), Malformed> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (method, target, version) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    let known = METHODS.contains(&method);
    if !(known || rules.custom_methods && is_token(method)) {
        return Err(CODEC);
    }
    let target = target.ok_or(CODEC)?;
    match version {
        Some(b"HTTP/1.1") => {}
        Some(b"HTTP/1.0") if rules.accept_http_10 => {}
        // HTTP/0.9 has no version at all.
        None => return Err(LOW_VERSION),
        Some([b'H', b'T', b'T', b'P', b'/', major, b'.', minor])
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            return Err(LOW_VERSION);
        }
        Some(_) => return Err(CODEC),
    }
    // Of what RFC 3986 does not allow, the codec refuses these.
    let allowed = |byte: &u8| byte.is_ascii_graphic() && !b"<>`".contains(byte);
    if parts.next().is_some() || !target.iter().all(allowed) {
        return Err(CODEC);
    }
    check_target(method, target)
}

/// RFC 9112 §3.2: a path, a whole URI, `*` for OPTIONS, or an authority for CONNECT.
fn check_target(method: &[u8], target: &[u8]) -> Result<(), Malformed> {
    let scheme = target.windows(3).position(|three| three == b"://").map(|at| &target[..at]);
    if method == b"CONNECT" {
        let is_authority = !target.starts_with(b"/") && scheme.is_none();
        return if is_authority { Ok(()) } else { Err(INVALID_URL) };
    }
    if !target.starts_with(b"/") {
        let no_authority =
            scheme.is_some_and(|scheme| matches!(target.get(scheme.len() + 3), None | Some(b'/' | b'?')));
        match scheme {
            Some(_) if no_authority => return Err(INVALID_URL),
            Some(scheme) if scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https") => {
            }
            Some(_) => return Err(INVALID_SCHEME),
            None if method == b"OPTIONS" && target == b"*" => {}
            None => return Err(INVALID_URL),
        }
    }
    if target.contains(&b'#') { Err(FRAGMENT) } else { Ok(()) }
}

/// RFC 9112 §5: a token, a colon directly behind it, and a value on one line.
fn header(line: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or(CODEC)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if !is_token(name) {
        return Err(CODEC);
    }
    let allowed = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
    if !value.iter().all(allowed) {
        return Err(CHARACTERS);
    }
    Ok((name, value.trim_ascii()))
}

fn is_token(name: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !name.is_empty() && name.iter().all(allowed)
}

/// Digits and nothing else: no sign, no list, no other base.
fn number(value: &[u8]) -> Result<u64, Malformed> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(CODEC);
    }
    std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok()).ok_or(CODEC)
}

#[cfg(test)]
mod tests;
