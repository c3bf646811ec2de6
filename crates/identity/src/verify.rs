//! Whether to believe a peer's certificate chain, at a given time, for a given use.
//!
//! webpki judges the peer's own certificate against its issuer: signature, dates, extended key
//! usage, extensions that it does not know. The CAs above are judged here ([`path`]), since webpki
//! refuses every chain with a CA that constrains URIs, as cluster CAs do. Carrick adds the SPIFFE
//! rules (X509-SVID.md sections 2 to 5), above all that a CA which names a trust domain vouches for
//! that trust domain only. Must not know about TLS sessions or configuration.

mod error;
mod names;
mod path;
mod signature;
#[cfg(test)]
mod tests;

pub use error::{Holder, VerifyError};

use crate::bundle::TrustBundle;
use crate::certificate::{CaRole, Certificate};
use crate::spiffe::SpiffeId;
use path::Search;
use rustls_pki_types::CertificateDer;
use std::time::SystemTime;

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
    /// The intermediates that the path goes through, the leaf's issuer first. Others that were sent
    /// are left out.
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

/// Verifies a chain for a peer that must be a workload with a SPIFFE ID. Whether that ID, or its
/// trust domain, is welcome is the caller's to decide.
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

/// Verifies a chain (leaf first) without asking for a particular name, as Envoy does before it
/// applies SAN matchers. A leaf with any `spiffe:` URI must meet the SPIFFE rules here too.
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
    // One that cannot be read is no link of any path.
    let sent: Vec<_> =
        intermediates.iter().enumerate().filter_map(|(i, der)| read(der, i + 1).ok()).collect();
    let mut search = Search::new(&leaf, &sent, usage, now);
    // One root at a time, so that each path ends at a certificate whose dates and limits are known,
    // and a root that was issued anew under the same name and key is judged on its own.
    let mut refusal: Option<VerifyError> = None;
    for root in bundle.roots() {
        match search.path_to(root) {
            Ok(peer) => return Ok(peer),
            Err(e) => VerifyError::keep_the_more_telling(&mut refusal, e),
        }
    }
    match refusal {
        Some(refusal) if !matches!(refusal, VerifyError::UnknownIssuer { .. }) => Err(refusal),
        _ => Err(unknown_issuer(&leaf, sent, bundle)),
    }
}

fn unknown_issuer(leaf: &Certificate, sent: Vec<Certificate>, bundle: &TrustBundle) -> VerifyError {
    let last = last_issued(leaf, sent);
    VerifyError::UnknownIssuer {
        certificate: last.to_string(),
        issuer: last.issuer().to_owned(),
        roots: bundle.certificates().map(Certificate::to_string).collect::<Vec<_>>().join(", "),
    }
}

fn read(der: &CertificateDer<'_>, place: usize) -> Result<Certificate, VerifyError> {
    Certificate::from_der(der.clone().into_owned()).map_err(|e| VerifyError::Unreadable { place, reason: e })
}

/// The certificate of the chain nearest to a root, by following issuers' names: the one whose
/// issuer is missing.
fn last_issued(leaf: &Certificate, mut sent: Vec<Certificate>) -> Certificate {
    let mut last = leaf.clone();
    while let Some(at) = sent.iter().position(|candidate| candidate.subject_der() == last.issuer_der()) {
        last = sent.swap_remove(at);
    }
    last
}
