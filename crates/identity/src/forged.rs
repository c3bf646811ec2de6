//! What the thief of a CA's key can sign: anything at all. Whoever shows that such certificates are
//! refused needs them.
//!
//! Nothing here is a way around a check: a key signs what its holder wants. Must not be used to
//! issue.

use crate::issue::{CertificateAuthority, IssueError};
use crate::key::{PublicKey, pem_block};
use rcgen::{CertificateParams, DistinguishedName, Issuer, KeyUsagePurpose, SanType};
use std::time::{Duration, SystemTime};

/// What a forged certificate claims, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim<'a> {
    Uri(&'a str),
    /// Any ASCII text, host name or not.
    Dns(&'a str),
}

/// A leaf of one hour with these names, good for clients and servers, signed with the authority's
/// own key; as PEM, since it may be what no parser of ours reads.
///
/// # Errors
/// A claim that is not ASCII.
pub fn leaf(
    authority: &CertificateAuthority,
    key: &PublicKey,
    claims: &[Claim<'_>],
    now: SystemTime,
) -> Result<String, IssueError> {
    let written = |e: rcgen::Error| IssueError::Write(e.to_string());
    let hour = Duration::from_secs(3600);
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.not_before = (now - hour).into();
    params.not_after = (now + hour).into();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    for claim in claims {
        params.subject_alt_names.push(match claim {
            Claim::Uri(text) => SanType::URI((*text).try_into().map_err(written)?),
            Claim::Dns(text) => SanType::DnsName((*text).try_into().map_err(written)?),
        });
    }
    let issuer = Issuer::from_ca_cert_der(authority.certificate().der(), authority.key().pair());
    let signed = params.signed_by(key.info(), &issuer.map_err(written)?).map_err(written)?;
    Ok(pem_block("CERTIFICATE", signed.der()).to_string())
}
