//! A TLS client that believes any server: what matters is whether the server believes it. It notes
//! ClientHello.random, by which every proxy on the way knows the connection.
//!
//! It must not be used where a server has to be authenticated.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use anyhow::{Context, Result};
use carrick_identity::Certificate;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use super::{Outcome, TlsOrder};

/// What sidecars offer to each other (Istio `pkg/util/constants.go`).
const ALPN: [&[u8]; 3] = [b"istio-http/1.1", b"istio", b"http/1.1"];

/// A ClientHello in its record: 5 bytes of record header, 4 of handshake header, 2 of version, then
/// the random (RFC 8446 §4.1.2).
const RANDOM: std::ops::Range<usize> = 11..43;

pub fn handshake(
    stream: TcpStream,
    order: &TlsOrder,
    outcome: &mut Outcome,
) -> Result<StreamOwned<ClientConnection, Noting>> {
    let name = ServerName::try_from(order.sni.clone()).context("the SNI is not a host name")?;
    let connection = ClientConnection::new(Arc::new(config(order)?), name)?;
    let mut stream = StreamOwned::new(connection, Noting { inner: stream, first: Vec::new() });
    let result = complete(&mut stream);
    let random = stream.sock.first.get(RANDOM);
    outcome.client_hello_random = random.map(hex::encode);
    result?;
    outcome.peer_identity = stream.conn.peer_certificates().and_then(<[_]>::first).and_then(identity);
    Ok(stream)
}

fn complete(stream: &mut StreamOwned<ClientConnection, Noting>) -> io::Result<()> {
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(())
}

fn identity(certificate: &CertificateDer<'_>) -> Option<String> {
    let certificate = Certificate::from_der(certificate.clone().into_owned()).ok()?;
    Some(certificate.spiffe_id().ok()??.to_string())
}

fn config(order: &TlsOrder) -> Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(AnyServer { algorithms: provider.signature_verification_algorithms });
    let builder = ClientConfig::builder_with_provider(provider as Arc<CryptoProvider>)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &order.credentials {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>()?;
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes())?)?
        }
    };
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
    Ok(config)
}

/// A connection that keeps what was written first.
pub struct Noting {
    inner: TcpStream,
    first: Vec<u8>,
}

impl Read for Noting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

impl Write for Noting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        let wanted = RANDOM.end.saturating_sub(self.first.len()).min(written);
        self.first.extend_from_slice(&bytes[..wanted]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[derive(Debug)]
struct AnyServer {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
