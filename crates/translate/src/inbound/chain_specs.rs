//! The chains of one inbound port by mTLS mode and protocol: the table of the semantics document's
//! section 7, as data.

use carrick_model::Protocol;
use carrick_model::snapshot::MtlsMode;

use crate::chains::{RAW, TLS};
use crate::tls::{ALPN_HTTP, ALPN_IN_MESH, ALPN_MESH_ALL, ALPN_MESH_HTTP, ALPN_PLAIN_HTTP, ALPN_TCP};

/// What a chain does with the bytes inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inner {
    Http,
    Bytes,
}

impl Inner {
    /// What TLS around it offers.
    pub(super) fn alpn(self) -> &'static [&'static str] {
        match self {
            Inner::Http => &ALPN_HTTP,
            Inner::Bytes => &ALPN_TCP,
        }
    }
}

/// One chain of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChainSpec {
    pub transport: &'static str,
    pub alpn: &'static [&'static str],
    /// Whether mutual TLS ends here. TLS that does not is the application's own.
    pub terminates: bool,
    pub inner: Inner,
}

impl ChainSpec {
    const fn mutual(alpn: &'static [&'static str], inner: Inner) -> Self {
        ChainSpec { transport: TLS, alpn, terminates: true, inner }
    }

    const fn plain(alpn: &'static [&'static str], inner: Inner) -> Self {
        ChainSpec { transport: RAW, alpn, terminates: false, inner }
    }

    /// TLS of the application, passed on unopened.
    const FOREIGN_TLS: Self = ChainSpec { transport: TLS, alpn: &[], terminates: false, inner: Inner::Bytes };

    pub(super) fn is_tls(&self) -> bool {
        self.transport == TLS
    }

    /// Whether plain text must be looked at to tell HTTP from other bytes.
    pub(super) fn sniffs_http(&self) -> bool {
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

/// The chains of a port, in Istio's order. `legacy`: PERMISSIVE came from a MeshPolicy or Policy,
/// where any TLS is mutual TLS, whatever its ALPN.
pub(super) fn chain_specs(protocol: Protocol, mode: MtlsMode, legacy: bool) -> Vec<ChainSpec> {
    use Inner::{Bytes, Http};
    let class = match protocol {
        protocol if protocol.is_http() => Class::Http,
        Protocol::Auto => Class::Either,
        _ => Class::Bytes,
    };
    let any: &[&str] = &[];
    match (class, mode) {
        (Class::Http, MtlsMode::Strict) => vec![ChainSpec::mutual(any, Http)],
        (Class::Bytes, MtlsMode::Strict) => vec![ChainSpec::mutual(any, Bytes)],
        (Class::Either, MtlsMode::Strict) => {
            vec![ChainSpec::mutual(&ALPN_MESH_HTTP, Http), ChainSpec::mutual(any, Bytes)]
        }
        (Class::Http, MtlsMode::Permissive) if legacy => {
            vec![ChainSpec::mutual(any, Http), ChainSpec::plain(any, Http)]
        }
        (Class::Bytes, MtlsMode::Permissive) if legacy => {
            vec![ChainSpec::mutual(any, Bytes), ChainSpec::plain(any, Bytes)]
        }
        (Class::Either, MtlsMode::Permissive) if legacy => vec![
            ChainSpec::mutual(&ALPN_MESH_HTTP, Http),
            ChainSpec::plain(&ALPN_PLAIN_HTTP, Http),
            ChainSpec::mutual(any, Bytes),
            ChainSpec::plain(any, Bytes),
        ],
        (Class::Http, MtlsMode::Permissive) => {
            vec![ChainSpec::mutual(&ALPN_MESH_ALL, Http), ChainSpec::plain(any, Http)]
        }
        (Class::Bytes, MtlsMode::Permissive) => {
            vec![
                ChainSpec::mutual(&ALPN_MESH_ALL, Bytes),
                ChainSpec::FOREIGN_TLS,
                ChainSpec::plain(any, Bytes),
            ]
        }
        (Class::Either, MtlsMode::Permissive) => vec![
            ChainSpec::mutual(&ALPN_MESH_HTTP, Http),
            ChainSpec::plain(&ALPN_PLAIN_HTTP, Http),
            ChainSpec::mutual(&ALPN_IN_MESH, Bytes),
            ChainSpec::plain(any, Bytes),
            ChainSpec::FOREIGN_TLS,
        ],
        (Class::Http, MtlsMode::Disable) => vec![ChainSpec::plain(any, Http)],
        (Class::Bytes, MtlsMode::Disable) => vec![ChainSpec::plain(any, Bytes)],
        (Class::Either, MtlsMode::Disable) => {
            vec![ChainSpec::plain(&ALPN_PLAIN_HTTP, Http), ChainSpec::plain(any, Bytes)]
        }
    }
}
