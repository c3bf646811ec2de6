//! Certificate signing requests. From somebody else's request only the public key is taken, after
//! the proof that the sender holds the private one; names, usages, CA flag and lifetime in it have
//! no effect.
//!
//! Must not know who sent the request: the identity comes from whoever authenticated the sender.

#[cfg(test)]
mod tests;

use crate::key::{KeyError, PrivateKey, PublicKey};
use crate::spiffe::SpiffeId;
use rcgen::{CertificateParams, DistinguishedName, SanType};
use rustls_pki_types::CertificateSigningRequestDer;
use rustls_pki_types::pem::PemObject;
use thiserror::Error;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::oid_registry::{
    OID_PKCS1_RSASSAPSS, OID_PKCS1_SHA256WITHRSA, OID_PKCS1_SHA384WITHRSA, OID_PKCS1_SHA512WITHRSA,
    OID_SIG_ECDSA_WITH_SHA256, OID_SIG_ECDSA_WITH_SHA384,
};
use x509_parser::prelude::FromDer;

/// The largest request that is read, in bytes of PEM or DER.
pub const MAX_REQUEST: usize = 32 * 1024;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CsrError {
    #[error("the signing request has {0} bytes; at most {MAX_REQUEST} are read")]
    TooLarge(usize),
    #[error("the signing request is not PEM: {0}; send one block CERTIFICATE REQUEST")]
    Pem(String),
    #[error("the signing request is not PKCS#10: {0}")]
    Malformed(String),
    #[error(
        "the signing request is signed with the algorithm {0}; sign it with ECDSA or RSA and SHA-256 or better"
    )]
    Algorithm(String),
    #[error("the signing request is not signed by the key that it names; make it again with the right key")]
    Possession,
    #[error("the key in the signing request is refused: {0}")]
    Key(#[from] KeyError),
    #[error("the signing request could not be made: {0}")]
    Make(String),
}

/// A request whose sender has proved to hold the private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRequest {
    public_key: PublicKey,
}

impl CertificateRequest {
    /// Reads the first `CERTIFICATE REQUEST` block of a PEM text.
    pub fn from_pem(pem: &[u8]) -> Result<Self, CsrError> {
        if pem.len() > MAX_REQUEST {
            return Err(CsrError::TooLarge(pem.len()));
        }
        let der =
            CertificateSigningRequestDer::from_pem_slice(pem).map_err(|e| CsrError::Pem(e.to_string()))?;
        Self::from_der(&der)
    }

    /// Reads a DER PKCS#10 request and checks its signature (RFC 2986 section 3: proof of
    /// possession).
    pub fn from_der(der: &[u8]) -> Result<Self, CsrError> {
        if der.len() > MAX_REQUEST {
            return Err(CsrError::TooLarge(der.len()));
        }
        let (rest, request) =
            X509CertificationRequest::from_der(der).map_err(|e| CsrError::Malformed(e.to_string()))?;
        if !rest.is_empty() {
            return Err(CsrError::Malformed(format!("{} bytes after its end", rest.len())));
        }
        // x509-parser would also take SHA-1 and RSA of 1024 bits.
        let algorithm = &request.signature_algorithm.algorithm;
        let strong = [
            OID_SIG_ECDSA_WITH_SHA256,
            OID_SIG_ECDSA_WITH_SHA384,
            OID_PKCS1_SHA256WITHRSA,
            OID_PKCS1_SHA384WITHRSA,
            OID_PKCS1_SHA512WITHRSA,
            OID_PKCS1_RSASSAPSS,
        ];
        if !strong.contains(algorithm) {
            return Err(CsrError::Algorithm(algorithm.to_string()));
        }
        let public_key = PublicKey::from_spki(request.certification_request_info.subject_pki.raw)?;
        request.verify_signature().map_err(|_| CsrError::Possession)?;
        Ok(Self { public_key })
    }

    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }
}

/// Makes a PEM request for a key. `wish` is written as its URI name, as Istio's agent does; a CA
/// ignores it.
pub fn make_request(key: &PrivateKey, wish: Option<&SpiffeId>) -> Result<String, CsrError> {
    let failed = |e: rcgen::Error| CsrError::Make(e.to_string());
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    if let Some(id) = wish {
        params.subject_alt_names.push(SanType::URI(id.uri().try_into().map_err(failed)?));
    }
    params.serialize_request(key.pair()).and_then(|request| request.pem()).map_err(failed)
}
