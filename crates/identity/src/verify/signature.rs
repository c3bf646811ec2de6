//! Whether one certificate bears the signature of another's key.
//!
//! Must not know whether either is to be believed.

use crate::certificate::Certificate;
use webpki::ALL_VERIFICATION_ALGS;
use x509_parser::asn1_rs::{Any, FromDer};

/// With the algorithms that webpki believes in: no SHA-1, no small RSA keys.
pub(super) fn is_signed_by(certificate: &Certificate, signer: &Certificate) -> bool {
    verify(certificate.der(), signer.spki()).is_some()
}

fn verify(der: &[u8], spki: &[u8]) -> Option<()> {
    // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature } (RFC 5280 section
    // 4.1)
    let body = element(der)?.1.data;
    let (after, _) = element(body)?;
    let signed = &body[..body.len() - after.len()];
    let (after, algorithm) = element(after)?;
    let signature = bits(after)?;
    // SubjectPublicKeyInfo ::= SEQUENCE { algorithm, subjectPublicKey }
    let (after, key_algorithm) = element(element(spki)?.1.data)?;
    let key = bits(after)?;
    ALL_VERIFICATION_ALGS
        .iter()
        .filter(|known| {
            *known.signature_alg_id() == *algorithm.data && *known.public_key_alg_id() == *key_algorithm.data
        })
        .find_map(|known| known.verify_signature(key, signed, signature).ok())
}

fn element(der: &[u8]) -> Option<(&[u8], Any<'_>)> {
    Any::from_der(der).ok()
}

/// The last element, a BIT STRING of whole bytes.
fn bits(der: &[u8]) -> Option<&[u8]> {
    let (rest, string) = element(der)?;
    let (unused, bits) = string.data.split_first()?;
    (rest.is_empty() && string.tag().0 == 3 && *unused == 0).then_some(bits)
}
