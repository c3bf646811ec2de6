//! TLS contexts for both directions. Keys and roots are only ever named (SDS); nothing here holds
//! one. It must not know which policy asked for TLS.

mod downstream;
pub(crate) mod secrets;
mod upstream;

use prost::Name;

use crate::envoy::any;
use crate::envoy::core::{TransportSocket, transport_socket::ConfigType};
use crate::envoy::matcher::{StringMatcher, string_matcher::MatchPattern};
use crate::envoy::tls::common_tls_context::{CombinedCertificateValidationContext, ValidationContextType};
use crate::envoy::tls::subject_alt_name_matcher::SanType;
use crate::envoy::tls::tls_parameters::TlsProtocol;
use crate::envoy::tls::{CertificateValidationContext, SubjectAltNameMatcher, TlsParameters};

pub(crate) use downstream::{ServerTls, server_parameters, server_socket};
pub(crate) use upstream::{ClientTls, client_socket};

/// The protocols that tell a mesh peer from any other TLS peer (`pilot/pkg/networking/util`,
/// `ALPNInMesh...`).
pub(crate) const ALPN_IN_MESH: [&str; 2] = ["istio-peer-exchange", "istio"];
/// ... those by which Istio's own ALPN filter marks HTTP inside of mutual TLS.
pub(crate) const ALPN_MESH_HTTP: [&str; 3] = ["istio-http/1.0", "istio-http/1.1", "istio-h2"];
/// ... and all five (`mtlsHTTPALPNs` and friends in
/// `pilot/pkg/networking/core/listener_inbound.go`).
pub(crate) const ALPN_MESH_ALL: [&str; 5] =
    ["istio", "istio-peer-exchange", "istio-http/1.0", "istio-http/1.1", "istio-h2"];
/// What a sidecar answers for HTTP.
pub(crate) const ALPN_HTTP: [&str; 2] = ["h2", "http/1.1"];
/// What a sidecar answers for opaque bytes.
pub(crate) const ALPN_TCP: [&str; 3] = ["istio-peer-exchange", "h2", "http/1.1"];
/// Plain-text HTTP as the http_inspector reports it.
pub(crate) const ALPN_PLAIN_HTTP: [&str; 2] = ["http/1.1", "h2c"];

/// Preferred first: the hybrid post-quantum group, so that what is recorded today stays secret,
/// then the classical ones for peers that lack it.
const KEY_EXCHANGE_GROUPS: [&str; 3] = ["X25519MLKEM768", "X25519", "P-256"];

/// How a peer's certificate is judged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PeerCheck {
    /// Any certificate will do, or none.
    Nothing,
    /// It must chain to the roots of this secret.
    Roots { secret: String },
    /// ... and to what is pinned: subject alternative names, of which one must match, keys or
    /// digests.
    Pinned { secret: String, pins: Box<CertificateValidationContext> },
}

impl PeerCheck {
    /// Roots, and one of these names, if there are any.
    pub(crate) fn new(secret: String, names: Vec<SubjectAltNameMatcher>) -> Self {
        Self::pinned(
            secret,
            CertificateValidationContext { match_typed_subject_alt_names: names, ..Default::default() },
        )
    }

    pub(crate) fn pinned(secret: String, pins: CertificateValidationContext) -> Self {
        match pins == CertificateValidationContext::default() {
            true => PeerCheck::Roots { secret },
            false => PeerCheck::Pinned { secret, pins: Box::new(pins) },
        }
    }

    fn into_context(self) -> Option<ValidationContextType> {
        match self {
            PeerCheck::Nothing => None,
            PeerCheck::Roots { secret } => {
                Some(ValidationContextType::ValidationContextSdsSecretConfig(secrets::named(&secret)))
            }
            PeerCheck::Pinned { secret, pins } => {
                Some(ValidationContextType::CombinedValidationContext(CombinedCertificateValidationContext {
                    default_validation_context: Some(*pins),
                    validation_context_sds_secret_config: Some(secrets::named(&secret)),
                    ..Default::default()
                }))
            }
        }
    }
}

/// A subject alternative name as users write it: a URI such as a SPIFFE ID, an IP address, or a DNS
/// name.
pub(crate) fn exact_name(name: &str) -> SubjectAltNameMatcher {
    let kind = match name {
        uri if uri.contains("://") => SanType::Uri,
        ip if ip.parse::<std::net::IpAddr>().is_ok() => SanType::IpAddress,
        _ => SanType::Dns,
    };
    named_san(kind, MatchPattern::Exact(name.into()))
}

/// Any SPIFFE ID of a trust domain.
pub(crate) fn any_of_trust_domain(domain: &impl std::fmt::Display) -> SubjectAltNameMatcher {
    named_san(SanType::Uri, MatchPattern::Prefix(format!("spiffe://{domain}/")))
}

fn named_san(kind: SanType, pattern: MatchPattern) -> SubjectAltNameMatcher {
    let matcher = StringMatcher { match_pattern: Some(pattern), ..Default::default() };
    SubjectAltNameMatcher { san_type: kind as i32, matcher: Some(matcher), ..Default::default() }
}

/// TLS 1.2 at least, 1.3 where both can (Istio's default since 1.14).
fn parameters() -> TlsParameters {
    TlsParameters {
        tls_minimum_protocol_version: TlsProtocol::TlSv12 as i32,
        tls_maximum_protocol_version: TlsProtocol::TlSv13 as i32,
        ecdh_curves: KEY_EXCHANGE_GROUPS.map(String::from).to_vec(),
        ..Default::default()
    }
}

fn transport_socket(context: &impl Name) -> TransportSocket {
    TransportSocket {
        name: "envoy.transport_sockets.tls".into(),
        config_type: Some(ConfigType::TypedConfig(any(context))),
    }
}

#[cfg(test)]
mod tests;
