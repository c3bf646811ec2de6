//! An enrolment that has begun: the key and the request that the root is asked to sign, kept until
//! the answer is.
//!
//! The root answers the same request with the same certificate, so an enrolment that was killed at
//! any moment goes on where it was. It must not know the root, nor what is done with the answer.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use carrick_identity::{PrivateKey, TrustDomain, csr};
use zeroize::Zeroizing;

use super::error::CaError;
use crate::files;

const KEY: &str = "key.pem";
const REQUEST: &str = "request.pem";

/// A key and a request for it.
pub(super) struct Pending {
    pub key: Zeroizing<String>,
    pub csr: String,
}

impl Pending {
    /// The one that was begun for this trust domain, or a new one, which is on disk when this
    /// returns. `ca` is the folder for the CA that is to be.
    pub fn load_or_make(ca: &Path, trust_domain: &TrustDomain) -> Result<Self, CaError> {
        let dir = place(ca, trust_domain);
        match files::read(&dir.join(KEY)) {
            Ok(key) => Ok(Self { key: Zeroizing::new(key), csr: files::read(&dir.join(REQUEST))? }),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::make(&dir, trust_domain),
            Err(error) => Err(error.into()),
        }
    }

    fn make(dir: &Path, trust_domain: &TrustDomain) -> Result<Self, CaError> {
        let key = PrivateKey::generate()?;
        let csr = csr::make_request(&key, Some(&trust_domain.id()))?;
        let key = key.expose_pem();
        let set = [(KEY, key.as_bytes().to_vec(), 0o600), (REQUEST, csr.as_bytes().to_vec(), 0o600)];
        files::create_dir(dir, &set)?;
        Ok(Self { key, csr })
    }

    /// The answer is kept: what was begun is not needed any more.
    pub fn forget(ca: &Path, trust_domain: &TrustDomain) {
        // What stays is a copy of the CA's own key, as private as that, and of no more use.
        let _ = std::fs::remove_dir_all(place(ca, trust_domain));
    }
}

fn place(ca: &Path, trust_domain: &TrustDomain) -> PathBuf {
    ca.with_file_name(format!("enrolment.{trust_domain}"))
}
