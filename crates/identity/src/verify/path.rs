//! The path from a peer's own certificate up to one root: each link is looked for by name and then
//! judged.
//!
//! webpki judges the lowest link, between the peer's certificate and its issuer. The links between
//! CAs are judged here by the rules of RFC 5280 section 6.1. Must not know what the names of the
//! certificates mean.

use super::names;
use super::signature::is_signed_by;
use super::{Holder, Usage, VerifiedPeer, VerifyError};
use crate::bundle::Root;
use crate::certificate::{CaRole, Certificate};
use crate::validity::{Standing, rfc3339, unix_seconds};
use rustls_pki_types::{TrustAnchor, UnixTime};
use std::time::{Duration, SystemTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage};

/// The most signatures that are checked for one peer: a chain has one or two, and only a hostile
/// one leads astray.
const MAX_SIGNATURES: u32 = 32;

/// A search over all that a peer has sent.
pub(super) struct Search<'a> {
    leaf: &'a Certificate,
    sent: &'a [Certificate],
    usage: Usage,
    now: SystemTime,
    signatures_left: u32,
}

impl<'a> Search<'a> {
    pub(super) fn new(leaf: &'a Certificate, sent: &'a [Certificate], usage: Usage, now: SystemTime) -> Self {
        Self { leaf, sent, usage, now, signatures_left: MAX_SIGNATURES }
    }

    /// The peer by a path that ends at this root.
    pub(super) fn path_to(&mut self, root: &Root) -> Result<VerifiedPeer, VerifyError> {
        self.climb(&mut Vec::new(), root)
    }

    /// Goes on from the last of these CAs, or from the leaf. Each of them has been judged, and
    /// signed the one before.
    fn climb(&mut self, path: &mut Vec<&'a Certificate>, root: &Root) -> Result<VerifiedPeer, VerifyError> {
        let head = *path.last().unwrap_or(&self.leaf);
        let mut refusal = None;
        if root.certificate.subject_der() == head.issuer_der() {
            match self.end_at(head, path, root) {
                Ok(peer) => return Ok(peer),
                Err(e) => VerifyError::keep_the_more_telling(&mut refusal, e),
            }
        }
        for signer in self.sent {
            // The same CA twice would be a loop (RFC 4158 section 5.2).
            let is_known =
                |one: &&Certificate| one.spki() == signer.spki() && one.subject_der() == signer.subject_der();
            if signer.subject_der() != head.issuer_der() || path.iter().chain([&self.leaf]).any(is_known) {
                continue;
            }
            // The lower certificate's faults are told first.
            let judged = self
                .check_link(head, signer, None, path.is_empty())
                .and_then(|()| self.check_authority(signer, path.len()));
            let outcome = match judged {
                Ok(()) => {
                    path.push(signer);
                    let outcome = self.climb(path, root);
                    path.pop();
                    outcome
                }
                Err(e) => Err(e),
            };
            match outcome {
                Ok(peer) => return Ok(peer),
                Err(e) => VerifyError::keep_the_more_telling(&mut refusal, e),
            }
        }
        Err(refusal.unwrap_or_else(|| VerifyError::UnknownIssuer {
            certificate: head.to_string(),
            issuer: head.issuer().to_owned(),
            roots: String::new(),
        }))
    }

    fn end_at(
        &mut self,
        head: &Certificate,
        path: &[&Certificate],
        root: &Root,
    ) -> Result<VerifiedPeer, VerifyError> {
        let certificate = &root.certificate;
        self.check_link(head, certificate, Some(&root.anchor), path.is_empty())?;
        check_dates(certificate, Holder::Root, self.now)?;
        // A self-signed server certificate may be its own root; then it signs nothing else.
        let is_own_root = certificate == self.leaf;
        if !is_own_root {
            check_signer(certificate, path.len(), true)?;
        }
        let signers: Vec<_> = path.iter().copied().chain((!is_own_root).then_some(certificate)).collect();
        let id = names::check(self.leaf, &signers)?;
        Ok(VerifiedPeer {
            leaf: self.leaf.clone(),
            id,
            intermediates: path.iter().copied().cloned().collect(),
            root: certificate.clone(),
        })
    }

    /// A CA that is no root, `below` CAs above the leaf.
    fn check_authority(&self, signer: &Certificate, below: usize) -> Result<(), VerifyError> {
        check_signer(signer, below, false)?;
        check_dates(signer, Holder::Intermediate, self.now)?;
        let certificate = || signer.to_string();
        let serves = signer.extended_key_usage().is_none_or(|uses| match self.usage {
            Usage::ClientAuth => uses.client_auth,
            Usage::ServerAuth => uses.server_auth,
        });
        if !serves {
            return Err(VerifyError::WrongUsage { certificate: certificate(), usage: self.usage });
        }
        match signer.unknown_critical() {
            Some(oid) => Err(VerifyError::Refused {
                certificate: certificate(),
                reason: format!("its critical extension {oid} is not understood"),
            }),
            None => Ok(()),
        }
    }

    /// Whether `signer` has signed `head`, and, for the leaf, all that webpki asks of it.
    fn check_link(
        &mut self,
        head: &Certificate,
        signer: &Certificate,
        anchor: Option<&TrustAnchor<'_>>,
        is_leaf: bool,
    ) -> Result<(), VerifyError> {
        let refused = |reason: String| VerifyError::Refused { certificate: head.to_string(), reason };
        self.signatures_left = self
            .signatures_left
            .checked_sub(1)
            .ok_or_else(|| refused("too many of the certificates sent have one name".to_owned()))?;
        if !is_leaf {
            return match is_signed_by(head, signer) {
                true => Ok(()),
                false => Err(VerifyError::BadSignature { certificate: head.to_string() }),
            };
        }
        let own;
        let anchor = match anchor {
            Some(anchor) => anchor,
            None => {
                own = webpki::anchor_from_trusted_cert(signer.der()).map_err(|e| refused(e.to_string()))?;
                &own
            }
        };
        // Constraints are judged with the other names, on the whole path.
        let anchor = TrustAnchor { name_constraints: None, ..anchor.clone() };
        let time = UnixTime::since_unix_epoch(Duration::from_secs(unix_seconds(self.now).unwrap_or(0)));
        let usage = match self.usage {
            Usage::ClientAuth => KeyUsage::client_auth(),
            Usage::ServerAuth => KeyUsage::server_auth(),
        };
        let explain = |e| VerifyError::from_webpki(e, head, self.usage, self.now);
        let anchors = [anchor];
        EndEntityCert::try_from(head.der())
            .and_then(|leaf| {
                leaf.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, &[], time, usage, None, None)
                    .map(|_| ())
            })
            .map_err(explain)
    }
}

fn check_dates(certificate: &Certificate, holder: Holder, now: SystemTime) -> Result<(), VerifyError> {
    let validity = certificate.validity();
    let (name, now_text) = (certificate.to_string(), rfc3339(now));
    match validity.standing(now) {
        Standing::Valid => Ok(()),
        Standing::Expired => Err(VerifyError::Expired {
            holder,
            certificate: name,
            not_after: rfc3339(validity.not_after),
            now: now_text,
        }),
        Standing::NotYetValid => Err(VerifyError::NotYetValid {
            holder,
            certificate: name,
            not_before: rfc3339(validity.not_before),
            now: now_text,
        }),
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
