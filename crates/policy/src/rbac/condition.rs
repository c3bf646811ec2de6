//! One condition of a policy: about the connection, its peer, or the request.
//!
//! Permissions and principals differ in what they may ask, not in how it is answered.

use std::ops::Range;

use super::Subject;
use crate::config::address::Cidr;
use crate::connection::TlsFacts;
use crate::matcher::{HeaderMatcher, StringMatcher};

#[derive(Debug)]
pub(super) enum Condition {
    Always,
    All(Vec<Condition>),
    AnyOf(Vec<Condition>),
    Not(Box<Condition>),
    Header(HeaderMatcher),
    /// The path without query and fragment.
    Path(StringMatcher),
    DestinationIp(Cidr),
    DestinationPorts(Range<u32>),
    /// The SNI; empty if there was none.
    ServerName(StringMatcher),
    /// The peer showed a certificate that was accepted; with a name, it is called so.
    Authenticated(Option<PeerName>),
    /// The socket's peer.
    DirectRemoteIp(Cidr),
    /// The client behind trusted proxies.
    RemoteIp(Cidr),
}

/// How a peer must be called.
#[derive(Debug)]
pub(super) struct PeerName {
    pub(super) matcher: StringMatcher,
    /// Whether the matcher speaks of SPIFFE IDs.
    pub(super) is_spiffe_id: bool,
}

impl Condition {
    pub(super) fn holds(&self, subject: &Subject<'_>) -> bool {
        let connection = subject.connection;
        match self {
            Self::Always => true,
            Self::All(all) => all.iter().all(|condition| condition.holds(subject)),
            Self::AnyOf(any) => any.iter().any(|condition| condition.holds(subject)),
            Self::Not(condition) => !condition.holds(subject),
            Self::Header(matcher) => subject.head.is_some_and(|head| matcher.matches(head)),
            Self::Path(matcher) => subject.head.is_some_and(|head| matcher.matches(path(head.path))),
            Self::DestinationIp(range) => range.contains(connection.local.ip()),
            Self::DestinationPorts(ports) => ports.contains(&connection.local.port().into()),
            Self::ServerName(matcher) => matcher.matches(server_name(subject).as_bytes()),
            Self::Authenticated(matcher) => {
                connection.tls.as_deref().is_some_and(|tls| is_authenticated(tls, matcher.as_ref()))
            }
            Self::DirectRemoteIp(range) => range.contains(connection.remote.ip()),
            Self::RemoteIp(range) => range.contains(subject.client.ip()),
        }
    }
}

fn path(path: &str) -> &[u8] {
    path.split(['?', '#']).next().unwrap_or_default().as_bytes()
}

fn server_name<'a>(subject: &Subject<'a>) -> &'a str {
    let of_hello = subject.connection.client_hello.as_deref().and_then(|hello| hello.server_name.as_deref());
    let of_tls = || subject.connection.tls.as_deref().and_then(|tls| tls.sni.as_deref());
    of_hello.or_else(of_tls).unwrap_or_default()
}

/// URI names are tried first, then DNS names, then the subject (Envoy docs,
/// `Principal.Authenticated`). But a SPIFFE ID is a URI name: no other name is compared with one,
/// and a peer that has one is called by nothing else.
fn is_authenticated(tls: &TlsFacts, name: Option<&PeerName>) -> bool {
    if tls.peer_certificate_sha256.is_none() {
        return false;
    }
    let Some(name) = name else { return true };
    let is_called = |text: &String| name.matcher.matches(text.as_bytes());
    let only_uris = name.is_spiffe_id || tls.peer_uri_sans.iter().any(|uri| uri.starts_with("spiffe:"));
    tls.peer_uri_sans.iter().any(is_called)
        || (!only_uris && tls.peer_dns_sans.iter().chain([&tls.peer_subject]).any(is_called))
}
