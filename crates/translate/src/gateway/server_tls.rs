//! What a server that ends TLS presents, and what it asks of clients
//! (`pilot/pkg/networking/core/gateway.go`, `buildGatewayListenerTLSContext`).

use carrick_model::resources::{ServerTlsMode, ServerTlsSettings, TlsProtocol};

use crate::envoy::tls::tls_parameters::TlsProtocol as EnvoyProtocol;
use crate::envoy::tls::{CertificateValidationContext, TlsParameters};
use crate::tls::{PeerCheck, ServerTls, exact_name, secrets, server_parameters};

pub(super) fn from_settings(tls: &ServerTlsSettings, alpn: &[&str]) -> ServerTls {
    ServerTls {
        certificate: certificate(tls),
        client: client_check(tls),
        require_client_certificate: matches!(tls.mode, ServerTlsMode::Mutual | ServerTlsMode::IstioMutual),
        alpn: alpn.iter().map(|protocol| (*protocol).to_owned()).collect(),
        overrides: overrides(tls),
    }
}

fn certificate(tls: &ServerTlsSettings) -> String {
    if tls.mode == ServerTlsMode::IstioMutual {
        secrets::WORKLOAD.into()
    } else if let Some((_, credential)) = tls.certificate_credential() {
        secrets::kubernetes(credential)
    } else if let Some(pair) = tls.tls_certificates.first() {
        secrets::file_certificate(&pair.server_certificate, &pair.private_key)
    } else {
        secrets::file_certificate(&tls.server_certificate, &tls.private_key)
    }
}

/// Roots, and whatever else the Gateway pins. ISTIO_MUTUAL takes any identity of the mesh's roots,
/// as in Istio.
fn client_check(tls: &ServerTlsSettings) -> PeerCheck {
    let roots = match tls.mode {
        ServerTlsMode::IstioMutual => secrets::MESH_ROOTS.to_owned(),
        ServerTlsMode::Mutual | ServerTlsMode::OptionalMutual => client_roots(tls),
        _ => return PeerCheck::Nothing,
    };
    let pins = CertificateValidationContext {
        match_typed_subject_alt_names: tls.subject_alt_names.iter().map(|name| exact_name(name)).collect(),
        verify_certificate_spki: tls.verify_certificate_spki.clone(),
        verify_certificate_hash: tls.verify_certificate_hash.clone(),
        ..Default::default()
    };
    PeerCheck::pinned(roots, pins)
}

fn client_roots(tls: &ServerTlsSettings) -> String {
    match tls.roots_credential() {
        None => secrets::file_roots(&tls.ca_certificates),
        Some((_, name)) => secrets::kubernetes_roots(name),
    }
}

fn overrides(tls: &ServerTlsSettings) -> Option<TlsParameters> {
    let mut parameters = server_parameters();
    if let Some(version) = version(tls.min_protocol_version) {
        parameters.tls_minimum_protocol_version = version as i32;
    }
    if let Some(version) = version(tls.max_protocol_version) {
        parameters.tls_maximum_protocol_version = version as i32;
    }
    if !tls.cipher_suites.is_empty() {
        parameters.cipher_suites.clone_from(&tls.cipher_suites);
    }
    (parameters != server_parameters()).then_some(parameters)
}

fn version(written: TlsProtocol) -> Option<EnvoyProtocol> {
    Some(match written {
        TlsProtocol::Auto => return None,
        TlsProtocol::V1_0 => EnvoyProtocol::TlSv10,
        TlsProtocol::V1_1 => EnvoyProtocol::TlSv11,
        TlsProtocol::V1_2 => EnvoyProtocol::TlSv12,
        TlsProtocol::V1_3 => EnvoyProtocol::TlSv13,
    })
}
