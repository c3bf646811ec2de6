//! The chains of one inbound port by mTLS mode and protocol: the table of the semantics document's section 7, as data.

use carrick_model::Protocol;
use carrick_model::snapshot::MtlsMode;

use crate::chains::{RAW, TLS};
use crate::tls::{ALPN_HTTP, ALPN_IN_MESH, ALPN_MESH_ALL, ALPN_MESH_HTTP, ALPN_PLAIN_HTTP, ALPN_TCP};

/// What a chain does with the bytes inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inner {
    Http,
    Bytes,
}

impl Inner {
    /// What TLS around it offers.
    pub fn alpn(self) -> &'static [&'static str] {
        match self {
            Inner::Http => &ALPN_HTTP,
            Inner::Bytes => &ALPN_TCP,
        }
    }
}

/// One chain of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    pub transport: &'static str,
    pub alpn: &'static [&'static str],
    /// Whether mutual TLS ends here. TLS that does not is the application's own.
    pub terminates: bool,
    pub inner: Inner,
}

impl Shape {
    const fn mutual(alpn: &'static [&'static str], inner: Inner) -> Self {
        Shape { transport: TLS, alpn, terminates: true, inner }
    }

    const fn plain(alpn: &'static [&'static str], inner: Inner) -> Self {
        Shape { transport: RAW, alpn, terminates: false, inner }
    }

    /// TLS of the application, passed on unopened.
    const FOREIGN_TLS: Self = Shape { transport: TLS, alpn: &[], terminates: false, inner: Inner::Bytes };

    pub fn is_tls(&self) -> bool {
        self.transport == TLS
    }

    /// Whether plain text must be looked at to tell HTTP from other bytes.
    pub fn sniffs_http(&self) -> bool {
        self.transport == RAW && !self.alpn.is_empty()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Http,
    Bytes,
    /// Undeclared: HTTP if it looks like it.
    Either,
}

/// The chains of a port, in Istio's order. `legacy`: PERMISSIVE came from a MeshPolicy or Policy, where any TLS is mutual TLS,
/// whatever its ALPN.
pub fn of(protocol: Protocol, mode: MtlsMode, legacy: bool) -> Vec<Shape> {
    use Inner::{Bytes, Http};
    let class = match protocol {
        protocol if protocol.is_http() => Class::Http,
        Protocol::Auto => Class::Either,
        _ => Class::Bytes,
    };
    let any: &[&str] = &[];
    match (class, mode) {
        (Class::Http, MtlsMode::Strict) => vec![Shape::mutual(any, Http)],
        (Class::Bytes, MtlsMode::Strict) => vec![Shape::mutual(any, Bytes)],
        (Class::Either, MtlsMode::Strict) => {
            vec![Shape::mutual(&ALPN_MESH_HTTP, Http), Shape::mutual(any, Bytes)]
        }
        (Class::Http, MtlsMode::Permissive) if legacy => {
            vec![Shape::mutual(any, Http), Shape::plain(any, Http)]
        }
        (Class::Bytes, MtlsMode::Permissive) if legacy => {
            vec![Shape::mutual(any, Bytes), Shape::plain(any, Bytes)]
        }
        (Class::Either, MtlsMode::Permissive) if legacy => vec![
            Shape::mutual(&ALPN_MESH_HTTP, Http),
            Shape::plain(&ALPN_PLAIN_HTTP, Http),
            Shape::mutual(any, Bytes),
            Shape::plain(any, Bytes),
        ],
        (Class::Http, MtlsMode::Permissive) => {
            vec![Shape::mutual(&ALPN_MESH_ALL, Http), Shape::plain(any, Http)]
        }
        (Class::Bytes, MtlsMode::Permissive) => {
            vec![Shape::mutual(&ALPN_MESH_ALL, Bytes), Shape::FOREIGN_TLS, Shape::plain(any, Bytes)]
        }
        (Class::Either, MtlsMode::Permissive) => vec![
            Shape::mutual(&ALPN_MESH_HTTP, Http),
            Shape::plain(&ALPN_PLAIN_HTTP, Http),
            Shape::mutual(&ALPN_IN_MESH, Bytes),
            Shape::plain(any, Bytes),
            Shape::FOREIGN_TLS,
        ],
        (Class::Http, MtlsMode::Disable) => vec![Shape::plain(any, Http)],
        (Class::Bytes, MtlsMode::Disable) => vec![Shape::plain(any, Bytes)],
        (Class::Either, MtlsMode::Disable) => {
            vec![Shape::plain(&ALPN_PLAIN_HTTP, Http), Shape::plain(any, Bytes)]
        }
    }
}
