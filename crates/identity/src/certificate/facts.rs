//! Reads the extensions that decide what is believed, and refuses where x509-parser is lenient.

use super::{CaRole, KeyUsage, SubjectAltNames};
use crate::spiffe::printable;
use crate::validity::Validity;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{
    OID_X509_EXT_BASIC_CONSTRAINTS, OID_X509_EXT_EXTENDED_KEY_USAGE, OID_X509_EXT_KEY_USAGE,
    OID_X509_EXT_NAME_CONSTRAINTS, OID_X509_EXT_SUBJECT_ALT_NAME, Oid,
};
use x509_parser::prelude::X509Certificate;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Version;

pub(super) struct Facts {
    pub(super) validity: Validity,
    pub(super) names: SubjectAltNames,
    pub(super) ca: CaRole,
    pub(super) key_usage: Option<KeyUsage>,
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
    pub(super) fn read(x509: &X509Certificate<'_>) -> Result<Self, String> {
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
