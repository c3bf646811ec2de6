//! The facts of a finished handshake, read from rustls and the certificates.

use std::sync::Arc;

use carrick_identity::Certificate;
use carrick_policy::connection::TlsFacts;
use carrick_policy::secret::Identity;
use carrick_policy::tls::subject::rfc2253;
use rustls::{CommonState, ProtocolVersion};
use sha2::{Digest, Sha256};

/// What can be said of this connection now. `sni` and `random` are what the client sent.
pub(super) fn facts(
    state: &CommonState,
    own: Option<&Identity>,
    sni: Option<String>,
    random: &[u8; 32],
) -> TlsFacts {
    let mut facts = TlsFacts {
        version: match state.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3".into(),
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2".into(),
            other => format!("{other:?}"),
        },
        key_exchange_group: state
            .negotiated_key_exchange_group()
            .map(|group| format!("{:?}", group.name()))
            .unwrap_or_default(),
        cipher: state.negotiated_cipher_suite().map(|suite| iana_name(suite.suite())).unwrap_or_default(),
        alpn: state.alpn_protocol().map(|alpn| String::from_utf8_lossy(alpn).into_owned()),
        sni,
        client_hello_random: hex::encode(random),
        ..TlsFacts::default()
    };
    let peer = state.peer_certificates().and_then(|chain| chain.first());
    // It was parsed to be verified; one that was not verified may be anything.
    if let Some(peer) = peer.and_then(|der| Certificate::from_der(der.clone().into_owned()).ok()) {
        facts.peer_uri_sans = peer.names().uris.clone();
        facts.peer_dns_sans = peer.names().dns_names.clone();
        facts.peer_subject = rfc2253(peer.der());
        facts.peer_certificate_sha256 = Some(hex::encode(Sha256::digest(peer.der())));
        facts.peer_certificate_pem = Some(Arc::from(peer.pem()));
    }
    if let Some(own) = own.and_then(|identity| identity.chain.first()) {
        facts.local_uri_sans = own.names().uris.clone();
        facts.local_subject = rfc2253(own.der());
    }
    facts
}

/// rustls calls TLS 1.3's suites `TLS13_…`, IANA `TLS_…`.
fn iana_name(suite: rustls::CipherSuite) -> String {
    let name = format!("{suite:?}");
    name.strip_prefix("TLS13_").map(|rest| format!("TLS_{rest}")).unwrap_or(name)
}
