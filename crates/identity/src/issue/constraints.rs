//! The name constraints of a cluster CA: URIs of its trust domain, and nothing else (RFC 5280
//! section 4.2.1.10).
//!
//! Written by hand, since rcgen knows no URI constraints. Must not know what else stands in the
//! certificate.

use super::IssueError;
use crate::spiffe::TrustDomain;
use rcgen::CustomExtension;
use std::net::IpAddr;

const NAME_CONSTRAINTS: [u64; 4] = [2, 5, 29, 30];

/// The critical extension that permits URIs whose host is the trust domain.
pub(super) fn only(trust_domain: &TrustDomain) -> Result<CustomExtension, IssueError> {
    let host = trust_domain.as_str();
    // A leading dot would permit every host below; Go refuses the others.
    if host.split('.').any(str::is_empty) || host.parse::<IpAddr>().is_ok() {
        return Err(IssueError::Unconstrainable { trust_domain: trust_domain.clone() });
    }
    let subtree = |tag: u8, base: &[u8]| element(0x30, &element(0x80 | tag, base));
    // Mail is forbidden by permitting none that exists (RFC 2606 section 2): what excludes all of
    // it, the empty host, is read by BoringSSL as no host.
    let permitted = [subtree(6, host.as_bytes()), subtree(1, b".invalid")].concat();
    // Every DNS name, every IPv4 and every IPv6 address.
    let excluded = [subtree(2, b""), subtree(7, &[0; 8]), subtree(7, &[0; 32])].concat();
    let content = [element(0xa0, &permitted), element(0xa1, &excluded)].concat();
    let mut extension = CustomExtension::from_oid_content(&NAME_CONSTRAINTS, element(0x30, &content));
    extension.set_criticality(true);
    Ok(extension)
}

/// One element of DER, of at most 65,535 bytes; a trust domain has at most 255.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let [.., high, low] = content.len().to_be_bytes();
    let length = match content.len() {
        0..0x80 => vec![low],
        0x80..0x100 => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [&[tag], length.as_slice(), content].concat()
}
