//! One secret, parsed: a certificate chain with its key, or what to verify a peer with.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use carrick_identity::{Certificate, PrivateKey, TrustBundle};
use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::core::v3::DataSource;
use carrick_xds::pb::envoy::config::core::v3::data_source::Specifier;
use carrick_xds::pb::envoy::extensions::transport_sockets::tls::v3::secret::Type;
use carrick_xds::pb::envoy::extensions::transport_sockets::tls::v3::subject_alt_name_matcher::SanType;
use carrick_xds::pb::envoy::extensions::transport_sockets::tls::v3::{
    CertificateValidationContext, Secret as SecretPb, SubjectAltNameMatcher, TlsCertificate,
};
use rustls::sign::CertifiedKey;

use crate::config::refuse::refuse;
use crate::matcher::StringMatcher;

#[derive(Debug, Clone)]
pub enum Secret {
    Identity(Identity),
    Validation(Validation),
}

/// A certificate chain and its private key.
#[derive(Clone)]
pub struct Identity {
    /// Leaf first.
    pub chain: Vec<Certificate>,
    pub key: Arc<CertifiedKey>,
}

/// Names only: the key is never printed.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("chain", &self.chain).finish_non_exhaustive()
    }
}

/// What a peer's certificate must be like.
#[derive(Debug, Clone, Default)]
pub struct Validation {
    /// `None`: any chain will do.
    pub roots: Option<TrustBundle>,
    /// One of these must match one of the certificate's names, if there are any.
    pub names: Vec<NameMatcher>,
    /// SHA-256 of the public key (SPKI), one of which must match, if there are any.
    pub public_keys: Vec<[u8; 32]>,
    /// SHA-256 of the certificate, as above.
    pub certificates: Vec<[u8; 32]>,
}

#[derive(Debug, Clone)]
pub struct NameMatcher {
    /// `None`: names of any kind.
    pub kind: Option<NameKind>,
    pub matcher: StringMatcher,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKind {
    Email,
    Dns,
    Uri,
    IpAddress,
}

impl Secret {
    pub fn from_proto(pb: &SecretPb) -> Result<Self, FieldError> {
        // The name is compared by who asked for it.
        let SecretPb { name: _, r#type } = pb;
        let refused = |field: &str| Err(FieldError::new(field, "is not implemented"));
        match r#type {
            Some(Type::TlsCertificate(pb)) => {
                Identity::from_proto(pb).map(Self::Identity).map_err(|e| e.within("tls_certificate"))
            }
            Some(Type::ValidationContext(pb)) => {
                Validation::from_proto(pb).map(Self::Validation).map_err(|e| e.within("validation_context"))
            }
            Some(Type::SessionTicketKeys(_)) => refused("session_ticket_keys"),
            Some(Type::GenericSecret(_)) => refused("generic_secret"),
            None => Err(FieldError::new("", "only tls_certificate and validation_context are implemented")),
        }
    }
}

impl Identity {
    pub fn from_proto(pb: &TlsCertificate) -> Result<Self, FieldError> {
        let at = |field: &'static str| move |reason: String| FieldError::new(field, reason);
        let TlsCertificate {
            certificate_chain,
            private_key,
            pkcs12,
            watched_directory,
            private_key_provider,
            password,
            ocsp_staple,
            signed_certificate_timestamp,
            tls_params,
        } = pb;
        refuse!(pkcs12, watched_directory, private_key_provider, password, ocsp_staple);
        refuse!(signed_certificate_timestamp, tls_params);
        let pem = read(certificate_chain.as_ref()).map_err(|e| e.within("certificate_chain"))?;
        let chain =
            Certificate::all_from_pem(&pem).map_err(|e| e.to_string()).map_err(at("certificate_chain"))?;
        let pem = read(private_key.as_ref()).map_err(|e| e.within("private_key"))?;
        let key = PrivateKey::from_pem(&pem).map_err(|e| e.to_string()).map_err(at("private_key"))?;
        let ders = chain.iter().map(|certificate| certificate.der().clone()).collect();
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        // This also compares the key with the leaf.
        let key = CertifiedKey::from_der(ders, key.expose_der(), &provider)
            .map_err(|e| e.to_string())
            .map_err(at("private_key"))?;
        Ok(Self { chain, key: Arc::new(key) })
    }
}

impl Validation {
    pub fn from_proto(pb: &CertificateValidationContext) -> Result<Self, FieldError> {
        let CertificateValidationContext {
            trusted_ca,
            ca_certificate_provider_instance,
            system_root_certs,
            watched_directory,
            verify_certificate_spki,
            verify_certificate_hash,
            match_typed_subject_alt_names,
            match_subject_alt_names,
            require_signed_certificate_timestamp,
            crl,
            allow_expired_certificate,
            trust_chain_verification,
            custom_validator_config,
            only_verify_leaf_cert_crl,
            max_verify_depth,
            // A list is never sent.
            suppress_client_ca_list: _,
        } = pb;
        refuse!(ca_certificate_provider_instance, system_root_certs, watched_directory);
        refuse!(require_signed_certificate_timestamp, crl, allow_expired_certificate);
        refuse!(
            trust_chain_verification,
            custom_validator_config,
            only_verify_leaf_cert_crl,
            max_verify_depth
        );
        let roots = match trusted_ca {
            None => None,
            Some(source) => {
                let pem = read(Some(source)).map_err(|e| e.within("trusted_ca"))?;
                Some(TrustBundle::from_pem(&pem).map_err(|e| FieldError::new("trusted_ca", e.to_string()))?)
            }
        };
        let mut names = Vec::new();
        for (n, typed) in match_typed_subject_alt_names.iter().enumerate() {
            let name = NameMatcher::from_proto(typed);
            names.push(name.map_err(|e| e.within(format!("match_typed_subject_alt_names[{n}]")))?);
        }
        for (n, untyped) in match_subject_alt_names.iter().enumerate() {
            let matcher = StringMatcher::from_proto(untyped)
                .map_err(|e| e.within(format!("match_subject_alt_names[{n}]")))?;
            names.push(NameMatcher { kind: None, matcher });
        }
        Ok(Self {
            roots,
            names,
            public_keys: digests(verify_certificate_spki, "verify_certificate_spki", base64)?,
            certificates: digests(verify_certificate_hash, "verify_certificate_hash", hex_digest)?,
        })
    }

    /// Both together: `other`'s roots if it has any, and the names and digests of either (as Envoy
    /// merges messages).
    pub fn merged(&self, other: &Self) -> Self {
        let mut merged = self.clone();
        merged.roots = other.roots.clone().or(merged.roots);
        merged.names.extend(other.names.iter().cloned());
        merged.public_keys.extend(&other.public_keys);
        merged.certificates.extend(&other.certificates);
        merged
    }

    /// A name says nothing if nobody vouched for the certificate.
    pub fn names_without_roots(&self) -> bool {
        self.roots.is_none() && !self.names.is_empty()
    }
}

impl NameMatcher {
    fn from_proto(pb: &SubjectAltNameMatcher) -> Result<Self, FieldError> {
        let SubjectAltNameMatcher { san_type: _, matcher, oid } = pb;
        refuse!(oid);
        let kind = match pb.san_type() {
            SanType::Email => NameKind::Email,
            SanType::Dns => NameKind::Dns,
            SanType::Uri => NameKind::Uri,
            SanType::IpAddress => NameKind::IpAddress,
            SanType::Unspecified | SanType::OtherName => {
                return Err(FieldError::new("san_type", "must be DNS, URI, EMAIL or IP_ADDRESS"));
            }
        };
        let Some(matcher) = matcher else { return Err(FieldError::new("matcher", "is required")) };
        let matcher = StringMatcher::from_proto(matcher).map_err(|error| error.within("matcher"))?;
        Ok(Self { kind: Some(kind), matcher })
    }
}

/// The content of a data source. Files are read at once, so that a broken one refuses the resource
/// that names it.
fn read(source: Option<&DataSource>) -> Result<Vec<u8>, FieldError> {
    let Some(DataSource { watched_directory, specifier }) = source else {
        return Err(FieldError::new("", "is required"));
    };
    refuse!(watched_directory);
    match specifier {
        Some(Specifier::InlineBytes(bytes)) => Ok(bytes.clone()),
        Some(Specifier::InlineString(text)) => Ok(text.clone().into_bytes()),
        Some(Specifier::Filename(path)) => std::fs::read(Path::new(path))
            .map_err(|error| FieldError::new("filename", format!("cannot read {path}: {error}"))),
        Some(Specifier::EnvironmentVariable(_)) => {
            Err(FieldError::new("environment_variable", "is not implemented; use filename"))
        }
        None => Err(FieldError::new("", "is required")),
    }
}

fn digests(
    values: &[String],
    field: &str,
    parse: impl Fn(&str) -> Option<[u8; 32]>,
) -> Result<Vec<[u8; 32]>, FieldError> {
    let convert = |(n, value): (usize, &String)| {
        parse(value).ok_or_else(|| FieldError::new(format!("{field}[{n}]"), "is not a SHA-256 digest"))
    };
    values.iter().enumerate().map(convert).collect()
}

fn base64(text: &str) -> Option<[u8; 32]> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()?.try_into().ok()
}

/// With or without colons between the bytes.
fn hex_digest(text: &str) -> Option<[u8; 32]> {
    hex::decode(text.replace(':', "")).ok()?.try_into().ok()
}
