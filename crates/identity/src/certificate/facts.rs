//! Reads the extensions that decide what is believed, and refuses where x509-parser is lenient.

use super::constraints::NameConstraints;
use super::{CaRole, ExtendedKeyUsage, KeyUsage, SubjectAltNames};
use crate::spiffe::printable;
use crate::validity::Validity;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{
    OID_X509_EXT_BASIC_CONSTRAINTS, OID_X509_EXT_CRL_DISTRIBUTION_POINTS, OID_X509_EXT_EXTENDED_KEY_USAGE,
    OID_X509_EXT_KEY_USAGE, OID_X509_EXT_NAME_CONSTRAINTS, OID_X509_EXT_SUBJECT_ALT_NAME, Oid,
};
use x509_parser::prelude::X509Certificate;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Version;

pub(super) struct Facts {
    pub(super) validity: Validity,
    pub(super) names: SubjectAltNames,
    pub(super) ca: CaRole,
    pub(super) key_usage: Option<KeyUsage>,
    pub(super) extended_key_usage: Option<ExtendedKeyUsage>,
    pub(super) constraints: Option<NameConstraints>,
    pub(super) unknown_critical: Option<String>,
}

/// The extensions that decide what is believed. One of the others that cannot be read is no reason
/// to refuse.
const DECISIVE: [Oid<'static>; 5] = [
    OID_X509_EXT_SUBJECT_ALT_NAME,
    OID_X509_EXT_BASIC_CONSTRAINTS,
    OID_X509_EXT_KEY_USAGE,
    OID_X509_EXT_EXTENDED_KEY_USAGE,
    OID_X509_EXT_NAME_CONSTRAINTS,
];

impl Facts {
    pub(super) fn read(x509: &X509Certificate<'_>) -> Result<Self, String> {
        check_shape(x509)?;
        let described = |what: &'static str| move |e| format!("its {what} cannot be read: {e}");
        let basic = x509.basic_constraints().map_err(described("basicConstraints"))?;
        let usage = x509.key_usage().map_err(described("keyUsage"))?;
        let extended = x509.extended_key_usage().map_err(described("extendedKeyUsage"))?;
        let names = x509.subject_alternative_name().map_err(described("subjectAltName"))?;
        let ca = match basic.map(|c| c.value) {
            Some(c) if c.ca => CaRole::Authority { path_len: c.path_len_constraint },
            Some(_) => CaRole::EndEntity,
            None if x509.version() == X509Version::V3 => CaRole::EndEntity,
            None => CaRole::Unstated,
        };
        let constraints = x509.extensions().iter().find(|e| e.oid == OID_X509_EXT_NAME_CONSTRAINTS);
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
            extended_key_usage: extended.map(|e| ExtendedKeyUsage {
                server_auth: e.value.server_auth,
                client_auth: e.value.client_auth,
            }),
            constraints: constraints.map(|e| NameConstraints::from_der(e.value)).transpose()?,
            unknown_critical: x509
                .extensions()
                .iter()
                .find(|e| {
                    e.critical && !DECISIVE.contains(&e.oid) && e.oid != OID_X509_EXT_CRL_DISTRIBUTION_POINTS
                })
                .map(|e| e.oid.to_string()),
        })
    }
}

/// What x509-parser lets pass and RFC 5280 does not.
fn check_shape(x509: &X509Certificate<'_>) -> Result<(), String> {
    // x509-parser answers "no basicConstraints" for one that it could not read; so look for that
    // first.
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
    // The signed half must name the algorithm that the signature is read with (section 4.1.1.2).
    if x509.signature_algorithm != x509.tbs_certificate.signature {
        return Err("it names two different signature algorithms".to_owned());
    }
    Ok(())
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
            GeneralName::DNSName(dns) => names.dns_names.push(host_name(plain("DNS name", dns)?)?),
            GeneralName::RFC822Name(email) => names.emails.push(plain("e-mail name", email)?),
            GeneralName::IPAddress(bytes) => names.ips.push(ip_address(bytes)?),
            GeneralName::Invalid(tag, _) => {
                return Err(format!("its alternative name with the tag {} cannot be read", tag.0));
            }
            GeneralName::OtherName(..) => names.others.push(0),
            GeneralName::X400Address(_) => names.others.push(3),
            GeneralName::DirectoryName(_) => names.others.push(4),
            GeneralName::EDIPartyName(_) => names.others.push(5),
            GeneralName::RegisteredID(_) => names.others.push(8),
        }
    }
    Ok(names)
}

/// A name with NUL, a control character or a byte beyond ASCII has been used to pass as another
/// name.
fn plain(kind: &str, text: &str) -> Result<String, String> {
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        Ok(text.to_owned())
    } else {
        Err(format!("its {kind} \"{}\" holds characters outside printable ASCII", printable(text)))
    }
}

/// A DNS name is a host name, of which the first label may be `*` (RFC 5280 section 4.2.1.6, RFC
/// 6125 section 6.4.3). Any other text there could pass for a name of another kind, such as a URI.
/// Underscores are in use and harmless.
fn host_name(name: String) -> Result<String, String> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let labels = name.strip_prefix("*.").unwrap_or(&name);
    if name.len() <= 253 && labels.split('.').all(is_label) {
        Ok(name)
    } else {
        Err(format!("its DNS name \"{}\" is no host name", printable(&name)))
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
