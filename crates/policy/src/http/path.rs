//! Path normalisation before routing, so that no spelling of a path gets round a rule about it
//! (reliability: "path normalised before policy"). Follows what Envoy does with `normalize_path`,
//! `merge_slashes` and escaped slashes.
//!
//! It must not know about routes.

use std::borrow::Cow;

/// Envoy's `path_with_escaped_slashes_action`, for `%2F`, `%5C` and their lower-case forms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EscapedSlashes {
    #[default]
    Keep,
    Reject,
    Redirect,
    Forward,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct PathPolicy {
    pub normalize: bool,
    pub merge_slashes: bool,
    pub escaped_slashes: EscapedSlashes,
}

/// What came of a path.
#[derive(Debug, PartialEq, Eq)]
pub enum Normalized<'a> {
    /// To be routed and forwarded as this.
    Path(Cow<'a, str>),
    /// The client is to ask for this instead.
    Redirect(String),
    Rejected,
}

impl PathPolicy {
    /// `path` may have a query, which stays as it is.
    pub fn apply<'a>(&self, path: &'a str) -> Normalized<'a> {
        let (only_path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
        if !only_path.starts_with('/') || !self.changes(only_path) {
            return Normalized::Path(path.into());
        }
        let mut current = Cow::Borrowed(only_path);
        let mut redirect = false;
        if self.escaped_slashes != EscapedSlashes::Keep && has_escaped_slash(&current) {
            match self.escaped_slashes {
                EscapedSlashes::Reject => return Normalized::Rejected,
                EscapedSlashes::Redirect => redirect = true,
                EscapedSlashes::Keep | EscapedSlashes::Forward => {}
            }
            current = unescape_slashes(&current).into();
        }
        if self.normalize {
            match canonical(&current) {
                Some(canonical) => current = canonical.into(),
                None => return Normalized::Rejected,
            }
        }
        if self.merge_slashes && current.contains("//") {
            current = merge_slashes(&current).into();
        }
        let result = format!("{current}{query}");
        if redirect { Normalized::Redirect(result) } else { Normalized::Path(result.into()) }
    }

    /// Most paths need nothing; this finds that out without allocating.
    fn changes(&self, path: &str) -> bool {
        let bytes = path.as_bytes();
        let dots_or_slashes = || {
            bytes.windows(2).any(|pair| match pair {
                b"/." => self.normalize,
                b"//" => self.merge_slashes,
                _ => false,
            })
        };
        let escapes = || bytes.contains(&b'%');
        let odd = || self.normalize && bytes.iter().any(|byte| *byte == b'\\' || must_be_escaped(*byte));
        escapes() || odd() || dots_or_slashes()
    }
}

fn has_escaped_slash(path: &str) -> bool {
    path.as_bytes().windows(3).any(|w| escaped_slash(w).is_some())
}

fn escaped_slash(three: &[u8]) -> Option<char> {
    match three {
        [b'%', b'2', b'F' | b'f'] => Some('/'),
        [b'%', b'5', b'C' | b'c'] => Some('\\'),
        _ => None,
    }
}

fn unescape_slashes(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        match rest.as_bytes().get(at..at + 3).and_then(escaped_slash) {
            Some(slash) => {
                out.push(slash);
                rest = &rest[at + 3..];
            }
            None => {
                out.push('%');
                rest = &rest[at + 1..];
            }
        }
    }
    out + rest
}

/// RFC 3986 §6: unreserved characters unescaped, backslashes as slashes, dot segments (escaped ones
/// too) removed. `None` for a path that has an escaped NUL. Where escapes spell an escape
/// (`%%32e`), the percent sign is escaped: the next hop must not read another path than we did.
fn canonical(path: &str) -> Option<String> {
    let mut decoded = String::with_capacity(path.len());
    let mut broken_escapes = Vec::new();
    let bytes = path.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'\\' => decoded.push('/'),
            b'%' => match bytes.get(at..at + 2).and_then(hex_pair) {
                Some(0) => return None,
                Some(value) if is_unreserved(value) => {
                    decoded.push(value as char);
                    at += 2;
                }
                Some(_) => decoded.push('%'),
                None => {
                    broken_escapes.push(decoded.len());
                    decoded.push('%');
                }
            },
            byte if must_be_escaped(byte) => decoded.push_str(&format!("%{byte:02X}")),
            byte => decoded.push(byte as char),
        }
    }
    for at in broken_escapes.into_iter().rev() {
        if decoded.as_bytes().get(at + 1..at + 3).and_then(hex_pair).is_some() {
            decoded.insert_str(at + 1, "25");
        }
    }
    Some(remove_dot_segments(&decoded))
}

/// What a URL parser escapes where it stands unescaped in a path (WHATWG URL, path percent-encode
/// set).
fn must_be_escaped(byte: u8) -> bool {
    !byte.is_ascii()
        || byte.is_ascii_control()
        || matches!(byte, b' ' | b'"' | b'<' | b'>' | b'`' | b'{' | b'|' | b'}' | b'^')
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn hex_pair(pair: &[u8]) -> Option<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16);
    match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    }
}

/// RFC 3986 §5.2.4, except that a `..` above the root stays at the root.
fn remove_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        // Servers that know parameters read `..;x` as `..`.
        let name = segment.split(';').next().unwrap_or_default();
        match name {
            "." | ".." => {
                if name == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

fn merge_slashes(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for c in path.chars() {
        if c != '/' || !out.ends_with('/') {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests;
