//! The server's side of TLS: what a filter chain presents and whom it lets in.

use std::fmt::Display;

use crate::envoy::core::TransportSocket;
use crate::envoy::tls::{CommonTlsContext, DownstreamTlsContext, TlsParameters};

use super::{PeerCheck, any_of_trust_domain, parameters, secrets, transport_socket};

/// Istio's list of suites (`pilot/pkg/security/authn/utils`, `SupportedCiphers`) without the two
/// whose key exchange has no forward secrecy: Carrick's certificates are ECDSA, so those could
/// never be chosen. For TLS 1.2 only; 1.3 has its own.
const CIPHER_SUITES: [&str; 4] = [
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
];

/// What a filter chain that terminates TLS says about itself and asks of the client.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ServerTls {
    /// The secret with the server's certificate.
    pub certificate: String,
    pub client: PeerCheck,
    /// Whether a client without a certificate is turned away.
    pub require_client_certificate: bool,
    pub alpn: Vec<String>,
    /// Versions and suites that a `Gateway` overrides.
    pub overrides: Option<TlsParameters>,
}

impl ServerTls {
    /// A sidecar's inbound mutual TLS: own certificate, and a client of one of the trusted domains.
    pub(crate) fn of_sidecar<D: Display>(trust_domains: &[D], alpn: &[&str]) -> Self {
        ServerTls {
            certificate: secrets::WORKLOAD.into(),
            client: client_check_of_mesh(trust_domains),
            require_client_certificate: true,
            alpn: alpn.iter().map(|protocol| (*protocol).to_owned()).collect(),
            overrides: None,
        }
    }
}

/// Clients of the mesh: the mesh's roots, and a SPIFFE ID of one of these domains. Without domains,
/// any that the roots vouch for.
fn client_check_of_mesh<D: Display>(trust_domains: &[D]) -> PeerCheck {
    PeerCheck::new(secrets::MESH_ROOTS.into(), trust_domains.iter().map(any_of_trust_domain).collect())
}

pub(crate) fn server_socket(tls: ServerTls) -> TransportSocket {
    let common = CommonTlsContext {
        tls_params: Some(tls.overrides.unwrap_or_else(server_parameters)),
        tls_certificate_sds_secret_configs: vec![secrets::named(&tls.certificate)],
        validation_context_type: tls.client.into_context(),
        alpn_protocols: tls.alpn,
        ..Default::default()
    };
    let context = DownstreamTlsContext {
        common_tls_context: Some(common),
        require_client_certificate: Some(tls.require_client_certificate),
        ..Default::default()
    };
    transport_socket(&context)
}

/// What a server allows unless a `Gateway` says otherwise.
pub(crate) fn server_parameters() -> TlsParameters {
    TlsParameters { cipher_suites: CIPHER_SUITES.map(String::from).to_vec(), ..parameters() }
}
