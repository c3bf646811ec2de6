//! Tells HTTP from other plain text by the first bytes of a connection: what Envoy's http_inspector
//! does.
//!
//! It must not know what is done with the request.

/// What the bytes so far tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sniff {
    Incomplete,
    NotHttp,
    /// The protocol's name in filter chain matches: `http/1.0`, `http/1.1`, `h2c`.
    Http(&'static str),
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A request line is not longer than this; Envoy's inspector reads as much.
const LONGEST_LINE: usize = 64 * 1024;

/// No method is longer; so that a stream of letters is not waited on for ever.
const LONGEST_METHOD: usize = 32;

/// `stream` is everything received so far.
pub fn sniff(stream: &[u8]) -> Sniff {
    if stream.starts_with(PREFACE) {
        return Sniff::Http("h2c");
    }
    if PREFACE.starts_with(stream) {
        return Sniff::Incomplete;
    }
    // A server is lenient about empty lines before the request line (RFC 9112 §2.2).
    let start = stream.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(stream.len());
    match request_line(&stream[start..]) {
        Some(sniff) => sniff,
        None if stream.len() > LONGEST_LINE => Sniff::NotHttp,
        None => Sniff::Incomplete,
    }
}

/// `METHOD SP target SP HTTP/1.x`. `None` while it may still become one.
fn request_line(line: &[u8]) -> Option<Sniff> {
    let Some(end) = line.iter().position(|byte| *byte == b' ') else {
        let possible = line.len() <= LONGEST_METHOD && line.iter().all(|byte| is_token(*byte));
        return (!possible).then_some(Sniff::NotHttp);
    };
    let (method, rest) = (&line[..end], &line[end + 1..]);
    if method.is_empty() || method.len() > LONGEST_METHOD || !method.iter().all(|byte| is_token(*byte)) {
        return Some(Sniff::NotHttp);
    }
    let target_end = rest.iter().position(|byte| *byte <= b' ' || *byte == 0x7f);
    let target_end = target_end?;
    if target_end == 0 || rest[target_end] != b' ' {
        return Some(Sniff::NotHttp);
    }
    let version = &rest[target_end + 1..];
    let possible = |text: &[u8]| text.starts_with(version) || version.starts_with(text);
    if !possible(b"HTTP/1.0\r")
        && !possible(b"HTTP/1.1\r")
        && !possible(b"HTTP/1.0\n")
        && !possible(b"HTTP/1.1\n")
    {
        return Some(Sniff::NotHttp);
    }
    match version.get(..9)?.get(..8)? {
        b"HTTP/1.0" => Some(Sniff::Http("http/1.0")),
        _ => Some(Sniff::Http("http/1.1")),
    }
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests;
