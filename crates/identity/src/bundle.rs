//! The roots that a verifier believes: one, or several while a root is being replaced.

#[cfg(test)]
mod tests;

use crate::certificate::{Certificate, CertificateError};
use rustls_pki_types::{CertificateDer, TrustAnchor};

/// Root certificates without repetition, in the order of their DER bytes, so that two bundles of
/// the same roots are equal and print the same PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustBundle {
    roots: Vec<Root>,
}

/// One root and the form in which webpki wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) certificate: Certificate,
    pub(crate) anchor: TrustAnchor<'static>,
}

impl TrustBundle {
    /// A bundle of these roots. Whether they are CAs, and valid now, is judged at each
    /// verification, so that a bundle can be loaded while one of its roots has expired.
    pub fn new(roots: impl IntoIterator<Item = Certificate>) -> Result<Self, CertificateError> {
        let mut bundle = Self::default();
        for root in roots {
            bundle.add(root)?;
        }
        Ok(bundle)
    }

    /// Every `CERTIFICATE` block of a PEM text; at least one.
    pub fn from_pem(pem: &[u8]) -> Result<Self, CertificateError> {
        Self::new(Certificate::all_from_pem(pem)?)
    }

    /// Adds a root, unless it is there already.
    pub fn add(&mut self, root: Certificate) -> Result<(), CertificateError> {
        let anchor = webpki::anchor_from_trusted_cert(root.der())
            .map_err(|e| CertificateError::Refused {
                certificate: root.to_string(),
                reason: format!("it cannot serve as a root: {e}"),
            })?
            .to_owned();
        if let Err(place) = self.roots.binary_search_by(|known| bytes(&known.certificate).cmp(bytes(&root))) {
            self.roots.insert(place, Root { certificate: root, anchor });
        }
        Ok(())
    }

    /// The union of both bundles.
    pub fn merge(mut self, other: Self) -> Self {
        self.roots.extend(other.roots);
        self.roots.sort_by(|a, b| bytes(&a.certificate).cmp(bytes(&b.certificate)));
        self.roots.dedup();
        self
    }

    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.roots.iter().map(|root| &root.certificate)
    }

    pub fn contains(&self, certificate: &Certificate) -> bool {
        self.certificates().any(|root| root == certificate)
    }

    /// All roots as one PEM text.
    pub fn pem(&self) -> String {
        self.certificates().map(Certificate::pem).collect()
    }

    /// All roots in DER.
    pub fn ders(&self) -> Vec<CertificateDer<'static>> {
        self.certificates().map(|root| root.der().clone()).collect()
    }

    pub(crate) fn roots(&self) -> &[Root] {
        &self.roots
    }
}

fn bytes(certificate: &Certificate) -> &[u8] {
    certificate.der()
}
