//! How the value of an operator is written, as text and as JSON.
//!
//! It must not know the syntax of formats.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::Version;

use super::operator::{AddressPart, HeaderChoice, HeaderSource, TlsFact};
use super::{Field, FormatContext, Headers, Operator};
use crate::access_log::LogEntry;
use crate::address::Address;
use crate::connection::TlsFacts;

/// A value before it is written: numbers stay numbers in JSON.
enum Value<'a> {
    Text(Cow<'a, str>),
    Bytes(&'a [u8]),
    Number(u64),
}

impl Field {
    /// Appends the value as text; false, and nothing written, if the fact is missing.
    pub fn write(&self, context: FormatContext<'_>, out: &mut Vec<u8>) -> bool {
        let Some(value) = self.operator.value(context) else { return false };
        match (&value, self.limit) {
            (Value::Number(number), None) => write_display(out, number),
            (Value::Number(number), Some(_)) => {
                out.extend_from_slice(cut(number.to_string().as_bytes(), self.limit))
            }
            (Value::Text(text), _) => out.extend_from_slice(cut(text.as_bytes(), self.limit)),
            (Value::Bytes(bytes), _) => out.extend_from_slice(cut(bytes, self.limit)),
        }
        true
    }

    /// The value as JSON: a number, a string, or `None` if the fact is missing.
    pub fn json(&self, context: FormatContext<'_>) -> Option<serde_json::Value> {
        Some(match self.operator.value(context)? {
            Value::Number(number) if self.limit.is_none() => number.into(),
            Value::Number(number) => {
                String::from_utf8_lossy(cut(number.to_string().as_bytes(), self.limit)).into()
            }
            Value::Text(text) => String::from_utf8_lossy(cut(text.as_bytes(), self.limit)).into(),
            Value::Bytes(bytes) => String::from_utf8_lossy(cut(bytes, self.limit)).into(),
        })
    }
}

/// Envoy cuts bytes, not characters.
fn cut(bytes: &[u8], limit: Option<usize>) -> &[u8] {
    &bytes[..bytes.len().min(limit.unwrap_or(usize::MAX))]
}

fn write_display(out: &mut Vec<u8>, value: impl Display) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{value}");
}

impl Operator {
    fn value<'a>(&'a self, context: FormatContext<'a>) -> Option<Value<'a>> {
        let entry = context.entry;
        let http = entry.http.as_deref();
        let downstream = entry.downstream.as_deref();
        match self {
            Self::StartTime(format) => format.render(entry.started?).map(text),
            Self::Request(choice) => choice.value(context, context.request),
            Self::Response(choice) => choice.value(context, context.response),
            Self::Trailer(choice) => choice.value(context, context.trailers),
            Self::Protocol => http.map(|http| borrowed(protocol(http.version))),
            Self::UpstreamProtocol => http?.upstream_version.map(|version| borrowed(protocol(version))),
            Self::ResponseCode => Some(Value::Number(entry.response_code.unwrap_or(0).into())),
            Self::ResponseCodeDetails => entry.details.as_deref().map(without_spaces),
            Self::ConnectionTerminationDetails => entry.termination_details.as_deref().map(borrowed),
            Self::ResponseFlags => {
                Some(if entry.flags.is_empty() { borrowed("-") } else { text(entry.flags) })
            }
            Self::UpstreamTransportFailureReason => entry.upstream_failure.as_deref().map(without_spaces),
            Self::BytesReceived => Some(Value::Number(entry.bytes_received)),
            Self::BytesSent => Some(Value::Number(entry.bytes_sent)),
            Self::Duration => Some(millis(entry.duration)),
            Self::ResponseDuration => entry.upstream_first_byte.map(millis),
            Self::ResponseTransmitDuration => {
                entry.upstream_first_byte.map(|first| millis(entry.duration.saturating_sub(first)))
            }
            Self::UpstreamHost(part) => match entry.upstream_host.as_ref()? {
                Address::Socket(address) => Some(part.of(*address)),
                Address::Pipe(path) => Some(text(path.display())),
            },
            Self::UpstreamLocal(part) => entry.upstream_local.map(|address| part.of(address)),
            Self::UpstreamCluster => entry.upstream_cluster.as_deref().map(borrowed),
            Self::UpstreamAttempts => http.map(|http| Value::Number(http.attempts.into())),
            Self::DownstreamLocal(part) => downstream.map(|info| part.of(info.local)),
            Self::DownstreamRemote(part) => client(entry).map(|address| part.of(address)),
            Self::DownstreamDirectRemote(part) => downstream.map(|info| part.of(info.remote)),
            Self::RequestedServerName => server_name(entry).map(borrowed),
            Self::RouteName => not_empty(entry.route_name.as_deref()?),
            Self::FilterChainName => not_empty(&downstream?.filter_chain),
            Self::ConnectionId => downstream.map(|info| Value::Number(info.id)),
            Self::StreamId => http?.request_id.as_ref().map(|id| Value::Bytes(id.as_bytes())),
            Self::Downstream(fact) => fact.of(downstream?.tls.as_deref()?),
            Self::Upstream(fact) => fact.of(entry.upstream_tls.as_deref()?),
        }
    }
}

fn borrowed(text: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(text))
}

fn text(value: impl ToString) -> Value<'static> {
    Value::Text(Cow::Owned(value.to_string()))
}

fn not_empty(text: &str) -> Option<Value<'_>> {
    (!text.is_empty()).then(|| borrowed(text))
}

/// Envoy writes details without white space, so that a log line can be split at spaces.
fn without_spaces(text: &str) -> Value<'_> {
    if text.contains(char::is_whitespace) {
        return Value::Text(Cow::Owned(text.replace(char::is_whitespace, "_")));
    }
    borrowed(text)
}

fn millis(duration: Duration) -> Value<'static> {
    Value::Number(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn client(entry: &LogEntry) -> Option<SocketAddr> {
    entry.client.or_else(|| entry.downstream.as_deref().map(|info| info.remote))
}

/// As the tls_inspector saw it; without that filter Envoy shows none either.
fn server_name(entry: &LogEntry) -> Option<&str> {
    entry.downstream.as_deref()?.client_hello.as_deref()?.server_name.as_deref()
}

/// As Envoy writes protocols.
pub(super) fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_3 => "HTTP/3",
        _ => "HTTP/1.1",
    }
}

impl AddressPart {
    fn of(self, address: SocketAddr) -> Value<'static> {
        match self {
            Self::Whole => text(address),
            Self::WithoutPort => match address.ip() {
                IpAddr::V4(ip) => text(ip),
                IpAddr::V6(ip) => text(ip),
            },
            Self::Port => Value::Number(address.port().into()),
        }
    }
}

impl TlsFact {
    fn of(self, tls: &TlsFacts) -> Option<Value<'_>> {
        match self {
            Self::PeerUriSan => not_empty_list(&tls.peer_uri_sans),
            Self::PeerDnsSan => not_empty_list(&tls.peer_dns_sans),
            Self::PeerSubject => not_empty(&tls.peer_subject),
            Self::PeerFingerprint => tls.peer_certificate_sha256.as_deref().map(borrowed),
            Self::LocalUriSan => not_empty_list(&tls.local_uri_sans),
            Self::LocalSubject => not_empty(&tls.local_subject),
            Self::Version => not_empty(&tls.version),
            Self::Cipher => not_empty(&tls.cipher),
            Self::Group => not_empty(&tls.key_exchange_group),
        }
    }
}

fn not_empty_list(names: &[String]) -> Option<Value<'_>> {
    match names {
        [] => None,
        [name] => Some(borrowed(name)),
        names => Some(text(names.join(","))),
    }
}

impl HeaderChoice {
    fn value<'a>(&'a self, context: FormatContext<'a>, headers: Headers<'a>) -> Option<Value<'a>> {
        self.first.value(context, headers).or_else(|| self.second.as_ref()?.value(context, headers))
    }
}

impl HeaderSource {
    fn value<'a>(&'a self, context: FormatContext<'a>, headers: Headers<'a>) -> Option<Value<'a>> {
        let http = context.entry.http.as_deref()?;
        match self {
            Self::Method => not_empty(http.method.as_str()),
            Self::Path => not_empty(&http.path),
            Self::Authority => not_empty(&http.authority),
            Self::Scheme => not_empty(http.scheme),
            Self::Status => context.entry.response_code.map(|code| Value::Number(code.into())),
            Self::Header(name) => match headers {
                Headers::Map(map) => map.get(name).map(|value| Value::Bytes(value.as_bytes())),
                Headers::List(list) => list
                    .iter()
                    .find(|(known, _)| known == name)
                    .map(|(_, value)| Value::Bytes(value.as_bytes())),
            },
        }
    }
}
