//! One attempt to reach a TLS or plain port from inside a pod, and what came of it. Runs as a process of its own in that pod.
//!
//! It must not know whether the attempt should succeed.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use serde::{Deserialize, Serialize};

const TIMEOUT: Duration = Duration::from_secs(5);

/// What to try.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Attempt {
    pub address: String,
    /// `None` speaks plain HTTP.
    pub sni: Option<String>,
    pub host: String,
    /// PEM: a client certificate with its chain, and its key.
    pub certificate: Option<(String, String)>,
}

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// The first line of an HTTP response, if one came.
    pub response: Option<String>,
    /// What ended the attempt otherwise.
    pub error: Option<String>,
}

/// Reads an attempt from standard input, makes it, and prints the outcome, both as JSON.
pub fn run() -> Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let attempt: Attempt = serde_json::from_str(&text)?;
    let outcome = match make(&attempt) {
        Ok(response) if response.is_empty() => {
            Outcome { response: None, error: Some("the connection was closed without an answer".into()) }
        }
        Ok(response) => Outcome { response: Some(response), error: None },
        Err(error) => Outcome { response: None, error: Some(format!("{error:#}")) },
    };
    std::io::stdout().write_all(serde_json::to_string(&outcome)?.as_bytes())?;
    Ok(())
}

fn make(attempt: &Attempt) -> Result<String> {
    let address: SocketAddr = attempt.address.parse()?;
    let stream = TcpStream::connect_timeout(&address, TIMEOUT).context("cannot connect")?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    match &attempt.sni {
        None => exchange(stream, &attempt.host),
        Some(sni) => {
            let name = ServerName::try_from(sni.clone())?;
            let connection = ClientConnection::new(Arc::new(configuration(attempt)?), name)?;
            exchange(StreamOwned::new(connection, stream), &attempt.host)
        }
    }
}

fn exchange(mut stream: impl Read + Write, host: &str) -> Result<String> {
    write!(stream, "GET /helloworld HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    stream.flush()?;
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        // A server may close without TLS's goodbye once it has answered.
        Err(_) if !answer.is_empty() => {}
        read => {
            read?;
        }
    }
    Ok(String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned())
}

fn configuration(attempt: &Attempt) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyServer(provider)));
    let Some((chain, key)) = &attempt.certificate else { return Ok(builder.with_no_client_auth()) };
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>()?;
    Ok(builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes())?)?)
}

/// An attacker does not mind whom it talks to; what is tested is whether the server minds.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
