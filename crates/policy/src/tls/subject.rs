//! Names of certificates as RFC 2253 writes them, the form that XFCC and access logs have.
//!
//! It must not know what a name is used for; it only makes sure that no name can be taken for
//! anything but a name.

use std::fmt::Write;

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{AttributeTypeAndValue, FromDer, X509Certificate};

/// The subject of a certificate; empty if it has none, or cannot be read.
pub fn rfc2253(der: &CertificateDer<'_>) -> String {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return String::new() };
    let elements = certificate.subject().iter().map(|element| {
        let attributes: Vec<_> = element.iter().map(attribute).collect();
        attributes.join("+")
    });
    // The last element comes first (RFC 2253 §2.1).
    let mut elements: Vec<_> = elements.collect();
    elements.reverse();
    elements.join(",")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = attribute.attr_type().to_id_string();
    match (short_name(&oid), attribute.as_str().ok()) {
        (Some(name), Some(text)) => format!("{name}={}", escaped(text)),
        // What has no name there, or is no text, is written as its bytes (§2.4).
        (name, _) => {
            format!("{}=#{}", name.unwrap_or(&oid), hex::encode(attribute.attr_value().data))
        }
    }
}

/// RFC 2253 §2.3 and what OpenSSL adds to it.
fn short_name(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "2.5.4.3" => "CN",
        "2.5.4.4" => "SN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "street",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.12" => "title",
        "2.5.4.42" => "GN",
        "0.9.2342.19200300.100.1.25" => "DC",
        "0.9.2342.19200300.100.1.1" => "UID",
        "1.2.840.113549.1.9.1" => "emailAddress",
        _ => return None,
    })
}

/// §2.4; bytes that are not printable ASCII are written as `\XX`, so that the text fits in a
/// header.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let last = text.len().saturating_sub(1);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => out.extend(['\\', byte as char]),
            b'#' if at == 0 => out.push_str("\\#"),
            b' ' if at == 0 || at == last => out.push_str("\\ "),
            b' '..=b'~' => out.push(byte as char),
            // Writing to a String cannot fail.
            _ => drop(write!(out, "\\{byte:02X}")),
        }
    }
    out
}
