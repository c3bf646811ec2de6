//! Reads a TLS ClientHello from the first bytes of a connection, however they are cut into segments
//! and records.
//!
//! Sans-IO and incremental: bytes that were looked at are not looked at again. It takes no part in
//! the handshake and must not know what the name is used for. Rules: RFC 8446 §4.1.2, §5.1; RFC
//! 6066 §3.

use crate::connection::ClientHello;

/// A reader of one connection's first bytes.
#[derive(Debug)]
pub struct HelloReader {
    /// Where in the stream the next record header, or the rest of the current record, begins.
    position: usize,
    /// Bytes of the current record that are still to come.
    left_in_record: usize,
    /// The handshake message, put together from records.
    message: Vec<u8>,
    /// The largest handshake message that is read.
    limit: usize,
}

/// What the bytes so far tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hello {
    Incomplete,
    /// These are not the first bytes of TLS.
    NotTls,
    Complete(ClientHello),
    /// These were meant to be TLS but cannot be understood. Such a connection is closed: to route
    /// it by what it does not say would let it choose its way (reliability: a parse failure never
    /// takes a default route).
    Broken(&'static str),
}

/// Envoy's limit for a ClientHello (`max_client_hello_size`).
pub const DEFAULT_LIMIT: usize = 16 * 1024;

/// One-byte records make six bytes of one; more overhead than that is an attack on our memory.
const OVERHEAD: usize = 6;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const MAX_RECORD: usize = 1 << 14;

impl HelloReader {
    pub fn new(limit: usize) -> Self {
        Self { position: 0, left_in_record: 0, message: Vec::new(), limit }
    }

    /// Whether TLS has begun, but not said all.
    pub fn has_begun(&self) -> bool {
        self.position > 0
    }

    /// `stream` is everything received so far; it only ever grows.
    pub fn advance(&mut self, stream: &[u8]) -> Hello {
        if stream.len() > OVERHEAD * (self.limit + 4) {
            return Hello::Broken("the ClientHello is too large");
        }
        loop {
            if let Some(answer) = self.judge_message() {
                return answer;
            }
            if self.left_in_record == 0 {
                match self.read_header(stream) {
                    Ok(()) => {}
                    Err(answer) => return answer,
                }
            }
            let available = stream.len().saturating_sub(self.position).min(self.left_in_record);
            if available == 0 {
                return Hello::Incomplete;
            }
            self.message.extend_from_slice(&stream[self.position..self.position + available]);
            self.position += available;
            self.left_in_record -= available;
        }
    }

    fn read_header(&mut self, stream: &[u8]) -> Result<(), Hello> {
        let rest = stream.get(self.position..).unwrap_or_default();
        let first_record = self.position == 0;
        let wrong =
            if first_record { Hello::NotTls } else { Hello::Broken("a record is not a handshake record") };
        if rest.first().is_some_and(|kind| *kind != HANDSHAKE) || rest.get(1).is_some_and(|major| *major != 3)
        {
            return Err(wrong);
        }
        let Some(header) = rest.get(..5) else { return Err(Hello::Incomplete) };
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        if length == 0 {
            return Err(Hello::Broken("an empty handshake record"));
        }
        if length > MAX_RECORD {
            return Err(Hello::Broken("a record is larger than 16 KiB"));
        }
        self.position += 5;
        self.left_in_record = length;
        Ok(())
    }

    fn judge_message(&self) -> Option<Hello> {
        let kind = self.message.first()?;
        if *kind != CLIENT_HELLO {
            return Some(Hello::Broken("the first message is not a ClientHello"));
        }
        let length = self.message.get(1..4)?;
        let length = usize::from(length[0]) << 16 | usize::from(length[1]) << 8 | usize::from(length[2]);
        if length > self.limit {
            return Some(Hello::Broken("the ClientHello is too large"));
        }
        let body = self.message.get(4..4 + length)?;
        if self.message.len() > 4 + length || self.left_in_record > 0 {
            return Some(Hello::Broken("more follows the ClientHello in its record"));
        }
        Some(match parse(body) {
            Ok(hello) => Hello::Complete(hello),
            Err(reason) => Hello::Broken(reason),
        })
    }
}

/// What is left of a structure to read.
struct Cursor<'a>(&'a [u8]);

type Parsed<T> = Result<T, &'static str>;

const CUT: &str = "the ClientHello is cut short";

impl<'a> Cursor<'a> {
    fn take(&mut self, n: usize) -> Parsed<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or(CUT)?;
        self.0 = rest;
        Ok(taken)
    }

    fn u8(&mut self) -> Parsed<u8> {
        Ok(self.take(1)?[0])
    }

    fn u16(&mut self) -> Parsed<u16> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// A vector with one byte of length.
    fn short(&mut self) -> Parsed<&'a [u8]> {
        let length = self.u8()?;
        self.take(length.into())
    }

    /// A vector with two bytes of length.
    fn long(&mut self) -> Parsed<&'a [u8]> {
        let length = self.u16()?;
        self.take(length.into())
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn parse(body: &[u8]) -> Parsed<ClientHello> {
    let mut body = Cursor(body);
    let version = body.u16()?;
    if version >> 8 != 3 {
        return Err("not a version of TLS");
    }
    let random = body.take(32)?.try_into().map_err(|_| CUT)?;
    if body.short()?.len() > 32 {
        return Err("the session identifier is too long");
    }
    let ciphers = body.long()?;
    if ciphers.is_empty() || ciphers.len() % 2 != 0 {
        return Err("the list of ciphers is malformed");
    }
    if body.short()?.is_empty() {
        return Err("the list of compression methods is empty");
    }
    let mut hello = ClientHello { random, ..ClientHello::default() };
    if body.is_empty() {
        return Ok(hello);
    }
    let mut extensions = Cursor(body.long()?);
    if !body.is_empty() {
        return Err("more follows the extensions");
    }
    let mut seen = Vec::new();
    while !extensions.is_empty() {
        let kind = extensions.u16()?;
        let content = extensions.long()?;
        if seen.contains(&kind) {
            return Err("an extension is there twice");
        }
        seen.push(kind);
        match kind {
            0 => hello.server_name = server_name(content)?,
            16 => hello.alpn = alpn(content)?,
            _ => {}
        }
    }
    Ok(hello)
}

fn server_name(content: &[u8]) -> Parsed<Option<String>> {
    let mut outer = Cursor(content);
    let mut names = Cursor(outer.long()?);
    if !outer.is_empty() {
        return Err("more follows the server names");
    }
    let kind = names.u8()?;
    let name = names.long()?;
    if kind != 0 || !names.is_empty() {
        return Err("there must be exactly one server name, a host name");
    }
    host_name(name)
}

/// The name in lower case. Only names that mean the same to everyone who reads them: letters,
/// digits, `-` and `_` in labels. IP addresses are not allowed by RFC 6066; as they say nothing
/// that the address dialled does not, they count as no name.
fn host_name(name: &[u8]) -> Parsed<Option<String>> {
    if name.is_empty() || name.len() > 253 {
        return Err("the server name is empty or too long");
    }
    let name = std::str::from_utf8(name).map_err(|_| "the server name is not ASCII")?;
    if name.parse::<std::net::IpAddr>().is_ok() {
        return Ok(None);
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Err("the server name has an empty label or ends in a dot");
        }
        if label.len() > 63 {
            return Err("a label of the server name is too long");
        }
        if !label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
            return Err("the server name has a character that host names do not have");
        }
    }
    Ok(Some(name.to_ascii_lowercase()))
}

fn alpn(content: &[u8]) -> Parsed<Vec<String>> {
    let mut outer = Cursor(content);
    let mut list = Cursor(outer.long()?);
    if !outer.is_empty() || list.is_empty() {
        return Err("the list of application protocols is malformed");
    }
    let mut protocols = Vec::new();
    while !list.is_empty() {
        let protocol = list.short()?;
        if protocol.is_empty() {
            return Err("an application protocol is empty");
        }
        protocols.push(String::from_utf8_lossy(protocol).into_owned());
    }
    Ok(protocols)
}

#[cfg(test)]
mod tests;
