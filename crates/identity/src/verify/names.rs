//! What the certificates of a path may be called: the SPIFFE rules (X509-SVID.md sections 2 to 4),
//! and what each CA's name constraints say of those below it (RFC 5280 section 4.2.1.10).
//!
//! Must not know how the path was found.

use super::VerifyError;
use crate::certificate::Certificate;
use crate::spiffe::SpiffeId;

/// The leaf's SPIFFE ID, if it has one. `signers` go from the leaf's issuer to the root.
///
/// A signer that names a trust domain vouches for workloads of that trust domain and nothing else:
/// the leaf has one URI name, of that domain, and no name of another kind, for that could be
/// matched where a SPIFFE ID is expected.
pub(super) fn check(leaf: &Certificate, signers: &[&Certificate]) -> Result<Option<SpiffeId>, VerifyError> {
    let id = identity(leaf)?;
    if let Some(id) = &id {
        check_svid_leaf(leaf, id)?;
    }
    for signer in signers {
        let Some(own) = identity(signer)? else { continue };
        if id.as_ref().is_none_or(|id| id.trust_domain() != own.trust_domain()) {
            return Err(VerifyError::ForeignTrustDomain {
                certificate: leaf.to_string(),
                signer: signer.to_string(),
                own: own.trust_domain().clone(),
            });
        }
        if leaf.names().has_more_than_uris() {
            return Err(VerifyError::FurtherNames {
                certificate: leaf.to_string(),
                signer: signer.to_string(),
                own: own.trust_domain().clone(),
            });
        }
    }
    check_constraints(leaf, signers)?;
    Ok(id)
}

fn identity(certificate: &Certificate) -> Result<Option<SpiffeId>, VerifyError> {
    certificate.spiffe_id().map_err(|reason| VerifyError::BadIdentity {
        certificate: certificate.to_string(),
        reason: reason.to_string(),
    })
}

/// Each signer's constraints hold for everything below it, self-issued CAs included.
fn check_constraints(leaf: &Certificate, signers: &[&Certificate]) -> Result<(), VerifyError> {
    for (place, signer) in signers.iter().enumerate() {
        let Some(constraints) = signer.name_constraints() else { continue };
        for below in signers[..place].iter().copied().chain([leaf]) {
            constraints.check(below.names(), !below.subject().is_empty()).map_err(|reason| {
                VerifyError::Constrained {
                    certificate: below.to_string(),
                    signer: signer.to_string(),
                    reason,
                }
            })?;
        }
    }
    Ok(())
}

/// X509-SVID sections 4.1 and 4.3: a leaf has a path, may sign messages, and may not sign
/// certificates or CRLs.
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
