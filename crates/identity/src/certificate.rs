//! A certificate, parsed once: what it says, in types that the rest can reason about. Parsing is
//! strict where a lenient reading could hide a name or a constraint. Must not know whether the
//! certificate is to be believed.

mod constraints;
mod facts;
#[cfg(test)]
mod tests;

pub use constraints::NameConstraints;

use crate::key::pem_block;
use crate::spiffe::{SpiffeError, SpiffeId, printable};
use crate::validity::Validity;
use facts::Facts;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::net::IpAddr;
use thiserror::Error;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The largest certificate that is read, in bytes.
pub const MAX_CERTIFICATE: usize = 64 * 1024;

/// Why bytes are not a usable certificate.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CertificateError {
    #[error("the PEM text cannot be read: {0}")]
    Pem(String),
    #[error("there is no certificate in the PEM text; expected a block CERTIFICATE")]
    NoCertificate,
    #[error("not an X.509 certificate: {0}")]
    Malformed(String),
    #[error("certificate {certificate}: {reason}")]
    Refused { certificate: String, reason: String },
}

/// The names of the subjectAltName extension, grouped by kind, in the certificate's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubjectAltNames {
    pub uris: Vec<String>,
    pub dns_names: Vec<String>,
    pub ips: Vec<IpAddr>,
    pub emails: Vec<String>,
    /// The tags of names of all other kinds (RFC 5280 section 4.2.1.6), on which nothing in a mesh
    /// matches.
    pub others: Vec<u8>,
}

impl SubjectAltNames {
    /// Whether there is a name that is no URI.
    pub fn has_more_than_uris(&self) -> bool {
        !(self.dns_names.is_empty()
            && self.ips.is_empty()
            && self.emails.is_empty()
            && self.others.is_empty())
    }
}

/// What the certificate says about signing other certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaRole {
    /// No basicConstraints, or CA:FALSE.
    EndEntity,
    /// An X.509 v1 certificate, which cannot say. Only a trusted root may be one.
    Unstated,
    /// CA:TRUE; `path_len` is the number of further CAs allowed below it, `None` for no limit.
    Authority { path_len: Option<u32> },
}

/// The bits of the keyUsage extension that Carrick's rules look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUsage {
    pub digital_signature: bool,
    pub key_cert_sign: bool,
    pub crl_sign: bool,
}

/// The uses of the extendedKeyUsage extension that a mesh has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtendedKeyUsage {
    pub server_auth: bool,
    pub client_auth: bool,
}

/// A parsed certificate together with its DER bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: CertificateDer<'static>,
    subject: String,
    issuer: String,
    subject_der: Vec<u8>,
    issuer_der: Vec<u8>,
    spki: Vec<u8>,
    serial: String,
    validity: Validity,
    names: SubjectAltNames,
    ca: CaRole,
    key_usage: Option<KeyUsage>,
    extended_key_usage: Option<ExtendedKeyUsage>,
    constraints: Option<NameConstraints>,
    unknown_critical: Option<String>,
}

impl Certificate {
    /// Parses DER. Refuses trailing bytes, repeated or unreadable constraint and name extensions,
    /// alternative names with characters outside printable ASCII, and DNS names that are no host
    /// names.
    pub fn from_der(der: impl Into<CertificateDer<'static>>) -> Result<Self, CertificateError> {
        let der = der.into();
        if der.len() > MAX_CERTIFICATE {
            return Err(CertificateError::Malformed(format!(
                "{} bytes; at most {MAX_CERTIFICATE} are read",
                der.len()
            )));
        }
        let (rest, x509) =
            X509Certificate::from_der(&der).map_err(|e| CertificateError::Malformed(e.to_string()))?;
        if !rest.is_empty() {
            return Err(CertificateError::Malformed(format!("{} bytes after its end", rest.len())));
        }
        let facts = Facts::read(&x509).map_err(|reason| CertificateError::Refused {
            certificate: format!(
                "\"{}\" (serial {})",
                printable(&x509.subject().to_string()),
                x509.raw_serial_as_string()
            ),
            reason,
        })?;
        Ok(Self {
            subject: printable(&x509.subject().to_string()),
            issuer: printable(&x509.issuer().to_string()),
            subject_der: x509.subject().as_raw().to_vec(),
            issuer_der: x509.issuer().as_raw().to_vec(),
            spki: x509.public_key().raw.to_vec(),
            serial: hex::encode(x509.raw_serial().strip_prefix(&[0]).unwrap_or(x509.raw_serial())),
            validity: facts.validity,
            names: facts.names,
            ca: facts.ca,
            key_usage: facts.key_usage,
            extended_key_usage: facts.extended_key_usage,
            constraints: facts.constraints,
            unknown_critical: facts.unknown_critical,
            der: der.clone(),
        })
    }

    /// Parses every `CERTIFICATE` block of a PEM text, in order. At least one must be there.
    pub fn all_from_pem(pem: &[u8]) -> Result<Vec<Self>, CertificateError> {
        let all = CertificateDer::pem_slice_iter(pem)
            .map(|der| Self::from_der(der.map_err(|e| CertificateError::Pem(e.to_string()))?))
            .collect::<Result<Vec<_>, _>>()?;
        if all.is_empty() { Err(CertificateError::NoCertificate) } else { Ok(all) }
    }

    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// SHA-256 of the DER bytes in lower-case hex, as Envoy writes `Hash=` in
    /// x-forwarded-client-cert.
    pub fn fingerprint(&self) -> String {
        hex::encode(Sha256::digest(&self.der))
    }

    /// One PEM block `CERTIFICATE`.
    pub fn pem(&self) -> String {
        pem_block("CERTIFICATE", &self.der).to_string()
    }

    /// The subject as text, such as `O=Carrick, CN=Carrick root CA`; empty for a workload's
    /// certificate.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The serial number in lower-case hex without separators, as Envoy's `/certs` prints it.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    pub fn validity(&self) -> Validity {
        self.validity
    }

    pub fn names(&self) -> &SubjectAltNames {
        &self.names
    }

    pub fn ca(&self) -> CaRole {
        self.ca
    }

    /// `None` if the certificate does not restrict the use of its key.
    pub fn key_usage(&self) -> Option<KeyUsage> {
        self.key_usage
    }

    /// `None` if the certificate is good for every use.
    pub fn extended_key_usage(&self) -> Option<ExtendedKeyUsage> {
        self.extended_key_usage
    }

    /// What this CA's certificate allows the certificates below it to be called; `None`: anything.
    pub fn name_constraints(&self) -> Option<&NameConstraints> {
        self.constraints.as_ref()
    }

    /// The OID of a critical extension whose meaning is not known here: such a certificate must not
    /// be believed (RFC 5280 section 4.2).
    pub(crate) fn unknown_critical(&self) -> Option<&str> {
        self.unknown_critical.as_deref()
    }

    /// The DER SubjectPublicKeyInfo.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    pub fn is_self_issued(&self) -> bool {
        self.subject_der == self.issuer_der
    }

    /// The SPIFFE ID if exactly one URI stands in the certificate and it is one. `Ok(None)` if no
    /// URI of the scheme `spiffe` is there; an error if one is there but alone it is not, or it is
    /// not well formed.
    pub fn spiffe_id(&self) -> Result<Option<SpiffeId>, SpiffeNameError> {
        if !self.names.uris.iter().any(|uri| is_spiffe(uri)) {
            return Ok(None);
        }
        match self.names.uris.as_slice() {
            [uri] => SpiffeId::parse(uri).map(Some).map_err(SpiffeNameError::Malformed),
            uris => Err(SpiffeNameError::Several(uris.len())),
        }
    }

    pub(crate) fn subject_der(&self) -> &[u8] {
        &self.subject_der
    }

    pub(crate) fn issuer_der(&self) -> &[u8] {
        &self.issuer_der
    }
}

/// Why a certificate that speaks of SPIFFE does not name one identity.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpiffeNameError {
    #[error("it has {0} URI names; a SPIFFE certificate must have exactly one")]
    Several(usize),
    #[error("{0}")]
    Malformed(SpiffeError),
}

/// Whether a URI is of the scheme `spiffe`, in any case: `SPIFFE://x` must meet the strict rules
/// too, and fail.
fn is_spiffe(uri: &str) -> bool {
    uri.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("spiffe:"))
}

/// The name that a person would know the certificate by: its first alternative name, or else its
/// subject.
impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.names.uris.first().or(self.names.dns_names.first());
        match (name, self.subject.as_str()) {
            (Some(name), _) => write!(f, "\"{}\" (serial {})", printable(name), self.serial),
            (None, "") => write!(f, "without a name (serial {})", self.serial),
            (None, subject) => write!(f, "\"{subject}\" (serial {})", self.serial),
        }
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({self})")
    }
}
