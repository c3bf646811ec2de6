//! The client's side of TLS: what a cluster presents and accepts.

use crate::envoy::core::TransportSocket;
use crate::envoy::tls::{CommonTlsContext, UpstreamTlsContext};

use super::{PeerCheck, parameters, secrets, transport_socket};

/// What a connection to an upstream says about itself and asks of the server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ClientTls {
    /// The secret with our certificate, if we present one.
    pub certificate: Option<String>,
    pub server: PeerCheck,
    /// Empty: none, or chosen per request (`auto_sni`).
    pub sni: String,
    pub alpn: Vec<String>,
}

pub(crate) fn client_socket(tls: ClientTls) -> TransportSocket {
    let common = CommonTlsContext {
        tls_params: Some(parameters()),
        tls_certificate_sds_secret_configs: tls.certificate.iter().map(|name| secrets::named(name)).collect(),
        validation_context_type: tls.server.into_context(),
        alpn_protocols: tls.alpn,
        ..Default::default()
    };
    let context = UpstreamTlsContext { common_tls_context: Some(common), sni: tls.sni, ..Default::default() };
    transport_socket(&context)
}
