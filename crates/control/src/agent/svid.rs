//! A workload's key, certificates and roots, as PEM, ready to be handed out.
//!
//! It must not know how they are obtained.

use std::fmt;

use carrick_identity::{Certificate, Validity};

/// An X.509 SVID with its key, and the roots to trust.
#[derive(Clone)]
pub struct Svid {
    /// The leaf, then the intermediates.
    pub chain_pem: String,
    pub key_pem: String,
    pub roots_pem: String,
    pub validity: Validity,
    pub serial: String,
}

impl fmt::Debug for Svid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Svid")
            .field("serial", &self.serial)
            .field("validity", &self.validity)
            .finish_non_exhaustive()
    }
}

/// Why an answer of the CA cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SvidError {
    #[error("the CA answered with {0} elements; a leaf and a root bundle are the least")]
    TooShort(usize),
    #[error(transparent)]
    Certificate(#[from] carrick_identity::certificate::CertificateError),
    #[error("the CA certified another key than ours")]
    ForeignKey,
}

impl Svid {
    /// Reads the CA's answer: leaf, intermediates, and last all roots as one element (Istio's
    /// `CreateCertificate`).
    pub fn from_answer(key: &carrick_identity::PrivateKey, answer: &[String]) -> Result<Self, SvidError> {
        let [leaf_pem, intermediates @ .., roots_pem] = answer else {
            return Err(SvidError::TooShort(answer.len()));
        };
        let leaves = Certificate::all_from_pem(leaf_pem.as_bytes())?;
        let leaf = leaves.first().ok_or(SvidError::TooShort(0))?;
        if leaf.spki() != key.public_key().spki() {
            return Err(SvidError::ForeignKey);
        }
        Certificate::all_from_pem(roots_pem.as_bytes())?;
        let chain_pem = std::iter::once(leaf_pem)
            .chain(intermediates)
            .map(|pem| format!("{}\n", pem.trim_end()))
            .collect();
        Ok(Self {
            chain_pem,
            key_pem: key.expose_pem().to_string(),
            roots_pem: roots_pem.clone(),
            validity: leaf.validity(),
            serial: leaf.serial().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests;
