//! Whether to believe a peer: the chain by Carrick's rules, then the names and digests that the
//! configuration asks for.
//!
//! It must not know where the rules came from.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use carrick_identity::certificate::SubjectAltNames;
use carrick_identity::{Certificate, Usage, VerifyError, verify_chain};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};
use sha2::{Digest, Sha256};

use crate::secret::{NameKind, NameMatcher, Validation};

/// Verifies peers of one TLS context.
#[derive(Debug)]
pub struct Verifier {
    /// `None`: any certificate is taken, as Envoy does where nothing is configured.
    validation: Option<Validation>,
    /// Servers only: the certificate must be for the name that we asked for.
    match_server_name: bool,
    /// Clients only: a connection without certificate is refused.
    mandatory: bool,
    provider: Arc<CryptoProvider>,
    hints: Vec<DistinguishedName>,
}

impl Verifier {
    pub fn new(validation: Option<Validation>, provider: Arc<CryptoProvider>) -> Self {
        Self { validation, match_server_name: false, mandatory: false, provider, hints: Vec::new() }
    }

    pub fn match_server_name(mut self, yes: bool) -> Self {
        self.match_server_name = yes;
        self
    }

    pub fn mandatory(mut self, yes: bool) -> Self {
        self.mandatory = yes;
        self
    }

    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        usage: Usage,
        server_name: Option<&ServerName<'_>>,
        now: UnixTime,
    ) -> Result<(), Refusal> {
        let Some(validation) = &self.validation else { return Ok(()) };
        let now = UNIX_EPOCH + Duration::from_secs(now.as_secs());
        let certificate = check_chain(validation, leaf, intermediates, usage, now)?;
        check_digests(validation, &certificate)?;
        let names = certificate.names();
        if !validation.names.is_empty() && !validation.names.iter().any(|matcher| matches(matcher, names)) {
            return Err(Refusal::NoMatchingName { presented: describe(names) });
        }
        if let Some(name) = server_name
            && self.match_server_name
            && !is_for(names, name)
        {
            return Err(Refusal::WrongServer { wanted: name.to_str().into(), presented: describe(names) });
        }
        Ok(())
    }
}

/// Why a peer was not believed.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("{0}")]
    Chain(#[from] VerifyError),
    #[error("the peer's certificate cannot be read: {0}")]
    Unreadable(String),
    #[error("none of the certificate's names is accepted: {presented}")]
    NoMatchingName { presented: String },
    #[error("the certificate is not for {wanted}, but for {presented}")]
    WrongServer { wanted: String, presented: String },
    #[error("the certificate is not one of those that the configuration pins")]
    NotPinned,
}

/// What went wrong in a handshake, in words. rustls shows a reason of ours in the form for
/// programmers only.
pub fn handshake_error(error: &std::io::Error) -> String {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
    match cause {
        Some(Error::InvalidCertificate(CertificateError::Other(OtherError(ours)))) => ours.to_string(),
        _ => error.to_string(),
    }
}

/// rustls picks the alert by the kind of error; the text is ours.
impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refusal))))
    }
}

fn check_chain(
    validation: &Validation,
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    usage: Usage,
    now: SystemTime,
) -> Result<Certificate, Refusal> {
    let Some(roots) = &validation.roots else {
        let leaf = Certificate::from_der(leaf.clone().into_owned());
        return leaf.map_err(|error| Refusal::Unreadable(error.to_string()));
    };
    let chain: Vec<_> = std::iter::once(leaf).chain(intermediates).cloned().collect();
    Ok(verify_chain(&chain, roots, usage, now)?.leaf)
}

/// A certificate that is pinned by its digest or its public key is enough; where both kinds are
/// given, either will do (Envoy docs, `verify_certificate_hash`).
fn check_digests(validation: &Validation, certificate: &Certificate) -> Result<(), Refusal> {
    if validation.certificates.is_empty() && validation.public_keys.is_empty() {
        return Ok(());
    }
    let digest: [u8; 32] = Sha256::digest(certificate.der().as_ref()).into();
    let key: [u8; 32] = Sha256::digest(certificate.spki()).into();
    if validation.certificates.contains(&digest) || validation.public_keys.contains(&key) {
        return Ok(());
    }
    Err(Refusal::NotPinned)
}

fn matches(matcher: &NameMatcher, names: &SubjectAltNames) -> bool {
    // A SPIFFE ID is a URI name, also to a matcher that leaves the kind open.
    let is_spiffe_id = matcher.matcher.exact().is_some_and(|exact| exact.starts_with(b"spiffe:"));
    let of_kind = |kind| match matcher.kind {
        Some(wanted) => wanted == kind,
        None => kind == NameKind::Uri || !is_spiffe_id,
    };
    let any = |values: &[String]| values.iter().any(|value| matcher.matcher.matches(value.as_bytes()));
    (of_kind(NameKind::Uri) && any(&names.uris))
        || (of_kind(NameKind::Dns)
            && names.dns_names.iter().any(|name| match matcher.matcher.exact().map(str::from_utf8) {
                // A wildcard certificate is for every name that it covers.
                Some(Ok(wanted)) => covers(name, wanted),
                _ => matcher.matcher.matches(name.as_bytes()),
            }))
        || (of_kind(NameKind::Email) && any(&names.emails))
        || (of_kind(NameKind::IpAddress)
            && names.ips.iter().any(|ip| matcher.matcher.matches(ip.to_string().as_bytes())))
}

fn is_for(names: &SubjectAltNames, server: &ServerName<'_>) -> bool {
    match server {
        ServerName::DnsName(wanted) => names.dns_names.iter().any(|name| covers(name, wanted.as_ref())),
        ServerName::IpAddress(ip) => names.ips.contains(&IpAddr::from(*ip)),
        _ => false,
    }
}

/// Whether a certificate's DNS name is or covers `wanted`: `*` stands for the whole of the
/// left-most label (RFC 6125 §6.4.3).
fn covers(name: &str, wanted: &str) -> bool {
    if name.eq_ignore_ascii_case(wanted) {
        return true;
    }
    match (name.strip_prefix("*."), wanted.split_once('.')) {
        (Some(parent), Some((label, rest))) => !label.is_empty() && parent.eq_ignore_ascii_case(rest),
        _ => false,
    }
}

fn describe(names: &SubjectAltNames) -> String {
    let mut text = String::new();
    let values = names.uris.iter().chain(&names.dns_names).chain(&names.emails).cloned();
    for value in values.chain(names.ips.iter().map(IpAddr::to_string)) {
        let separator = if text.is_empty() { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{separator}{value}");
    }
    if text.is_empty() { "no name at all".into() } else { text }
}

impl ClientCertVerifier for Verifier {
    fn offer_client_auth(&self) -> bool {
        self.mandatory || self.validation.is_some()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    /// Empty: clients have one certificate, and a list of all roots would only make the handshake
    /// larger.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.verify(end_entity, intermediates, Usage::ClientAuth, None, now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verify(end_entity, intermediates, Usage::ServerAuth, Some(server_name), now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
