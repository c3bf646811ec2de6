//! Whether to believe a peer's certificate chain, at a given time, for a given use.
//!
//! webpki builds the path and checks signatures, dates, CA flags, path lengths and extended key usages up to the
//! trust anchor. Carrick adds what webpki leaves out: the root's own dates, CA flag and path length, the keyUsage
//! of signers, and the SPIFFE rules (X509-SVID.md sections 2 to 5), above all that a CA which names a trust
//! domain vouches for that trust domain only. Must not know about TLS sessions or configuration.

mod error;
#[cfg(test)]
mod tests;

pub use error::{Holder, VerifyError};

use crate::bundle::{Root, TrustBundle};
use crate::certificate::{CaRole, Certificate};
use crate::spiffe::SpiffeId;
use crate::validity::{Standing, rfc3339, unix_seconds};
use rustls_pki_types::{CertificateDer, UnixTime};
use std::time::{Duration, SystemTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage};

/// The most certificates that a peer may send. Istio's chains have two or three.
pub const MAX_CHAIN: usize = 10;

/// What the peer uses its certificate for. A peer that connects to us is checked for `ClientAuth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    ClientAuth,
    ServerAuth,
}

/// A peer whose chain leads to a trusted root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedPeer {
    /// The peer's own certificate; its [`Certificate::names`] are what SAN matchers look at.
    pub leaf: Certificate,
    /// The peer's SPIFFE ID, if the leaf has one. The strict rules have been applied to it.
    pub id: Option<SpiffeId>,
    /// The intermediates that the path goes through, the leaf's issuer first. Others that were sent are left out.
    pub intermediates: Vec<Certificate>,
    /// The root at which the path ends.
    pub root: Certificate,
}

impl VerifiedPeer {
    /// When the first certificate of the path expires: the chain is worth nothing afterwards.
    pub fn not_after(&self) -> SystemTime {
        self.intermediates
            .iter()
            .chain([&self.root])
            .map(|certificate| certificate.validity().not_after)
            .fold(self.leaf.validity().not_after, SystemTime::min)
    }
}

/// A peer that has proved a SPIFFE ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedSvid {
    pub id: SpiffeId,
    pub peer: VerifiedPeer,
}

/// Verifies a chain for a peer that must be a workload with a SPIFFE ID. Whether that ID, or its trust domain, is
/// welcome is the caller's to decide.
pub fn verify_svid(
    chain: &[CertificateDer<'_>],
    bundle: &TrustBundle,
    usage: Usage,
    now: SystemTime,
) -> Result<VerifiedSvid, VerifyError> {
    let peer = verify_chain(chain, bundle, usage, now)?;
    match peer.id.clone() {
        Some(id) => Ok(VerifiedSvid { id, peer }),
        None => Err(VerifyError::NotAnSvid { certificate: peer.leaf.to_string() }),
    }
}

/// Verifies a chain (leaf first) without asking for a particular name, as Envoy does before it applies SAN
/// matchers. A leaf with any `spiffe:` URI must meet the SPIFFE rules here too.
pub fn verify_chain(
    chain: &[CertificateDer<'_>],
    bundle: &TrustBundle,
    usage: Usage,
    now: SystemTime,
) -> Result<VerifiedPeer, VerifyError> {
    let Some((leaf_der, intermediates)) = chain.split_first() else {
        return Err(VerifyError::NoCertificate);
    };
    if chain.len() > MAX_CHAIN {
        return Err(VerifyError::TooMany { sent: chain.len() });
    }
    if bundle.is_empty() {
        return Err(VerifyError::NoRoots);
    }
    let leaf = read(leaf_der, 0)?;
    if matches!(leaf.ca(), CaRole::Authority { .. }) {
        return Err(VerifyError::LeafIsCa { certificate: leaf.to_string() });
    }
    // One root at a time, so that each path ends at a certificate whose dates and limits are known, and a root
    // that was issued anew under the same name and key is judged on its own.
    let mut refusal: Option<VerifyError> = None;
    for root in bundle.roots() {
        let outcome = path_to(root, &leaf, leaf_der, intermediates, usage, now)
            .and_then(|path| judge(&leaf, path, root, now));
        match outcome {
            Ok(peer) => return Ok(peer),
            Err(VerifyError::UnknownIssuer { .. }) => {}
            Err(e) if refusal.as_ref().is_none_or(|known| e.tells_more_than(known)) => refusal = Some(e),
            Err(_) => {}
        }
    }
    Err(refusal.unwrap_or_else(|| unknown_issuer(&leaf, intermediates, bundle)))
}

fn unknown_issuer(
    leaf: &Certificate,
    intermediates: &[CertificateDer<'_>],
    bundle: &TrustBundle,
) -> VerifyError {
    let last = last_issued(leaf, intermediates);
    VerifyError::UnknownIssuer {
        certificate: last.to_string(),
        issuer: last.issuer().to_owned(),
        roots: bundle.certificates().map(Certificate::to_string).collect::<Vec<_>>().join(", "),
    }
}

fn read(der: &CertificateDer<'_>, place: usize) -> Result<Certificate, VerifyError> {
    Certificate::from_der(der.clone().into_owned()).map_err(|e| VerifyError::Unreadable { place, reason: e })
}

/// The certificate of the chain nearest to a root, by following issuers' names: the one whose issuer is missing.
fn last_issued(leaf: &Certificate, intermediates: &[CertificateDer<'_>]) -> Certificate {
    let mut sent: Vec<_> = intermediates.iter().filter_map(|der| read(der, 0).ok()).collect();
    let mut last = leaf.clone();
    while let Some(at) = sent.iter().position(|candidate| candidate.subject_der() == last.issuer_der()) {
        last = sent.swap_remove(at);
    }
    last
}

/// The intermediates between the leaf and this root, as webpki found and checked them.
fn path_to(
    root: &Root,
    leaf: &Certificate,
    leaf_der: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    usage: Usage,
    now: SystemTime,
) -> Result<Vec<Certificate>, VerifyError> {
    let time = UnixTime::since_unix_epoch(Duration::from_secs(unix_seconds(now).unwrap_or(0)));
    let key_usage = match usage {
        Usage::ClientAuth => KeyUsage::client_auth(),
        Usage::ServerAuth => KeyUsage::server_auth(),
    };
    let sent = || intermediates.iter().enumerate().filter_map(|(i, der)| read(der, i + 1).ok());
    let explain = |e| VerifyError::from_webpki(e, leaf, sent(), usage, now);
    let end_entity = EndEntityCert::try_from(leaf_der).map_err(explain)?;
    let anchors = std::slice::from_ref(&root.anchor);
    let path = end_entity
        .verify_for_usage(ALL_VERIFICATION_ALGS, anchors, intermediates, time, key_usage, None, None)
        .map_err(explain)?;
    path.intermediate_certificates().enumerate().map(|(i, cert)| read(&cert.der(), i + 1)).collect()
}

/// Carrick's own rules on a path that webpki has accepted.
fn judge(
    leaf: &Certificate,
    path: Vec<Certificate>,
    root: &Root,
    now: SystemTime,
) -> Result<VerifiedPeer, VerifyError> {
    let root = &root.certificate;
    check_root_dates(root, now)?;
    // A self-signed server certificate may be its own root; then it signs nothing else.
    if root != leaf {
        for (below, signer) in path.iter().chain([root]).enumerate() {
            check_signer(signer, below, signer == root)?;
        }
    }
    let id = check_names(leaf, path.iter().chain([root]).filter(|signer| *signer != leaf))?;
    Ok(VerifiedPeer { leaf: leaf.clone(), id, intermediates: path, root: root.clone() })
}

fn check_root_dates(root: &Certificate, now: SystemTime) -> Result<(), VerifyError> {
    let (holder, certificate) = (Holder::Root, root.to_string());
    match root.validity().standing(now) {
        Standing::Valid => Ok(()),
        Standing::Expired => {
            let not_after = rfc3339(root.validity().not_after);
            Err(VerifyError::Expired { holder, certificate, not_after, now: rfc3339(now) })
        }
        Standing::NotYetValid => {
            let not_before = rfc3339(root.validity().not_before);
            Err(VerifyError::NotYetValid { holder, certificate, not_before, now: rfc3339(now) })
        }
    }
}

/// `below` counts the CAs between this signer and the leaf (RFC 5280 section 4.2.1.9).
fn check_signer(signer: &Certificate, below: usize, is_root: bool) -> Result<(), VerifyError> {
    let limit = match signer.ca() {
        CaRole::Authority { path_len } => path_len,
        CaRole::Unstated if is_root => None,
        _ => return Err(VerifyError::NotACa { certificate: signer.to_string() }),
    };
    if signer.key_usage().is_some_and(|usage| !usage.key_cert_sign) {
        return Err(VerifyError::NotACa { certificate: signer.to_string() });
    }
    match limit {
        Some(limit) if below > limit as usize => {
            Err(VerifyError::PathTooLong { certificate: signer.to_string(), limit, below })
        }
        _ => Ok(()),
    }
}

/// The SPIFFE rules. A signer that names a trust domain vouches for workloads of that trust domain and nothing
/// else, names without a trust domain included: those could be matched where a SPIFFE ID is expected.
fn check_names<'a>(
    leaf: &Certificate,
    signers: impl Iterator<Item = &'a Certificate>,
) -> Result<Option<SpiffeId>, VerifyError> {
    let named = |certificate: &Certificate| {
        certificate.spiffe_id().map_err(|reason| VerifyError::BadIdentity {
            certificate: certificate.to_string(),
            reason: reason.to_string(),
        })
    };
    let id = named(leaf)?;
    if let Some(id) = &id {
        check_svid_leaf(leaf, id)?;
    }
    for signer in signers {
        let Some(own) = named(signer)? else { continue };
        if id.as_ref().is_none_or(|id| id.trust_domain() != own.trust_domain()) {
            return Err(VerifyError::ForeignTrustDomain {
                certificate: leaf.to_string(),
                signer: signer.to_string(),
                own: own.trust_domain().clone(),
            });
        }
    }
    Ok(id)
}

/// X509-SVID sections 4.1 and 4.3: a leaf has a path, may sign messages, and may not sign certificates or CRLs.
fn check_svid_leaf(leaf: &Certificate, id: &SpiffeId) -> Result<(), VerifyError> {
    let bad =
        |reason: &str| VerifyError::BadIdentity { certificate: leaf.to_string(), reason: reason.to_owned() };
    if id.path().is_empty() {
        return Err(bad("it is the ID of a whole trust domain, not of a workload"));
    }
    match leaf.key_usage() {
        Some(usage) if usage.key_cert_sign || usage.crl_sign => {
            Err(bad("its keyUsage lets it sign certificates or CRLs"))
        }
        Some(usage) if !usage.digital_signature => Err(bad("its keyUsage lacks digitalSignature")),
        _ => Ok(()),
    }
}
