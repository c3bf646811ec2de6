//! A certificate, parsed once: what it says, in types that the rest can reason about. Parsing is strict where
//! a lenient reading could hide a name or a constraint. Must not know whether the certificate is to be believed.

#[cfg(test)]
mod tests;

use crate::key::pem_block;
use crate::spiffe::{SpiffeError, SpiffeId, printable};
use crate::validity::Validity;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use thiserror::Error;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{
    OID_X509_EXT_BASIC_CONSTRAINTS, OID_X509_EXT_EXTENDED_KEY_USAGE, OID_X509_EXT_KEY_USAGE,
    OID_X509_EXT_NAME_CONSTRAINTS, OID_X509_EXT_SUBJECT_ALT_NAME, Oid,
};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Version;

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
}

impl Certificate {
    /// Parses DER. Refuses trailing bytes, repeated or unreadable constraint and name extensions, and alternative
    /// names with characters outside printable ASCII.
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

    /// One PEM block `CERTIFICATE`.
    pub fn pem(&self) -> String {
        pem_block("CERTIFICATE", &self.der).to_string()
    }

    /// The subject as text, such as `O=Carrick, CN=Carrick root CA`; empty for a workload's certificate.
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

    /// The DER SubjectPublicKeyInfo.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    pub fn is_self_issued(&self) -> bool {
        self.subject_der == self.issuer_der
    }

    /// The SPIFFE ID if exactly one URI stands in the certificate and it is one. `Ok(None)` if no URI of the
    /// scheme `spiffe` is there; an error if one is there but alone it is not, or it is not well formed.
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

/// Whether a URI is of the scheme `spiffe`, in any case: `SPIFFE://x` must meet the strict rules too, and fail.
fn is_spiffe(uri: &str) -> bool {
    uri.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("spiffe:"))
}

/// The name that a person would know the certificate by: its first alternative name, or else its subject.
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

struct Facts {
    validity: Validity,
    names: SubjectAltNames,
    ca: CaRole,
    key_usage: Option<KeyUsage>,
}

/// The extensions that decide what is believed. One of the others that cannot be read is no reason to refuse.
const DECISIVE: [Oid<'static>; 5] = [
    OID_X509_EXT_SUBJECT_ALT_NAME,
    OID_X509_EXT_BASIC_CONSTRAINTS,
    OID_X509_EXT_KEY_USAGE,
    OID_X509_EXT_EXTENDED_KEY_USAGE,
    OID_X509_EXT_NAME_CONSTRAINTS,
];

impl Facts {
    fn read(x509: &X509Certificate<'_>) -> Result<Self, String> {
        // x509-parser answers "no basicConstraints" for one that it could not read; so look for that first.
        for extension in x509.extensions().iter().filter(|extension| DECISIVE.contains(&extension.oid)) {
            if let ParsedExtension::ParseError { error } = extension.parsed_extension() {
                return Err(format!("its extension {} cannot be read: {error}", extension.oid));
            }
        }
        if x509.subject().iter().chain(x509.issuer().iter()).any(|rdn| rdn.iter().next().is_none()) {
            return Err("its subject or issuer has an empty name element".to_owned());
        }
        let repeated =
            DECISIVE.into_iter().find(|oid| x509.iter_extensions().filter(|e| e.oid == *oid).count() > 1);
        if let Some(oid) = repeated {
            return Err(format!("its extension {oid} stands there twice"));
        }
        let described = |what: &'static str| move |e| format!("its {what} cannot be read: {e}");
        let constraints = x509.basic_constraints().map_err(described("basicConstraints"))?;
        let usage = x509.key_usage().map_err(described("keyUsage"))?;
        let names = x509.subject_alternative_name().map_err(described("subjectAltName"))?;
        let ca = match constraints.map(|c| c.value) {
            Some(c) if c.ca => CaRole::Authority { path_len: c.path_len_constraint },
            Some(_) => CaRole::EndEntity,
            None if x509.version() == X509Version::V3 => CaRole::EndEntity,
            None => CaRole::Unstated,
        };
        Ok(Self {
            validity: Validity {
                not_before: system_time(x509.validity().not_before),
                not_after: system_time(x509.validity().not_after),
            },
            names: match names {
                Some(names) => read_names(&names.value.general_names)?,
                None => SubjectAltNames::default(),
            },
            ca,
            key_usage: usage.map(|u| KeyUsage {
                digital_signature: u.value.digital_signature(),
                key_cert_sign: u.value.key_cert_sign(),
                crl_sign: u.value.crl_sign(),
            }),
        })
    }
}

/// X.509 times lie between the years 0 and 9999, all of which a `SystemTime` holds.
fn system_time(at: ASN1Time) -> SystemTime {
    let seconds = Duration::from_secs(at.timestamp().unsigned_abs());
    if at.timestamp() < 0 { UNIX_EPOCH - seconds } else { UNIX_EPOCH + seconds }
}

fn read_names(general: &[GeneralName<'_>]) -> Result<SubjectAltNames, String> {
    let mut names = SubjectAltNames::default();
    for name in general {
        match name {
            GeneralName::URI(uri) => names.uris.push(plain("URI", uri)?),
            GeneralName::DNSName(dns) => names.dns_names.push(plain("DNS name", dns)?),
            GeneralName::RFC822Name(email) => names.emails.push(plain("e-mail name", email)?),
            GeneralName::IPAddress(bytes) => names.ips.push(ip_address(bytes)?),
            GeneralName::Invalid(tag, _) => {
                return Err(format!("its alternative name with the tag {} cannot be read", tag.0));
            }
            // Names that nothing in a mesh matches on (directory names, registered ids, other names).
            _ => {}
        }
    }
    Ok(names)
}

/// A name with NUL, a control character or a byte beyond ASCII has been used to pass as another name.
fn plain(kind: &str, text: &str) -> Result<String, String> {
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        Ok(text.to_owned())
    } else {
        Err(format!("its {kind} \"{}\" holds characters outside printable ASCII", printable(text)))
    }
}

fn ip_address(bytes: &[u8]) -> Result<IpAddr, String> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Ok(IpAddr::from(v4));
    }
    <[u8; 16]>::try_from(bytes)
        .map(IpAddr::from)
        .map_err(|_| format!("its IP address name has {} bytes instead of 4 or 16", bytes.len()))
}
