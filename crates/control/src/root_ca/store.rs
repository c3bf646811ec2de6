//! The root CA's folder: its certificate, its key, its enrolment tokens.
//!
//! It must not know how requests arrive.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use carrick_identity::enrolment::{EnrolmentToken, Grant};
use carrick_identity::{Certificate, CertificateAuthority, PrivateKey, TrustDomain};

use super::error::{EnrolError, RootCaError};
use super::tokens;
use crate::files;

const CERTIFICATE: &str = "root-cert.pem";
const KEY: &str = "root-key.pem";

/// A root CA on disk.
#[derive(Debug)]
pub struct RootStore {
    dir: PathBuf,
    authority: CertificateAuthority,
}

impl RootStore {
    /// Makes a new root in `dir`.
    ///
    /// # Errors
    /// If there is a root already: it is never replaced by this.
    pub fn init(dir: &Path, name: &str, lifetime: Duration, now: SystemTime) -> Result<Self, RootCaError> {
        if dir.join(CERTIFICATE).exists() || dir.join(KEY).exists() {
            return Err(RootCaError::Exists { dir: dir.to_owned() });
        }
        let authority = CertificateAuthority::new_root(name, lifetime, now)?;
        files::private_dir(dir)?;
        // The key first: a certificate without its key is useless, a key without a certificate does no harm.
        files::create(&dir.join(KEY), authority.key().expose_pem().as_bytes(), 0o600)?;
        files::create(&dir.join(CERTIFICATE), authority.certificate().pem().as_bytes(), 0o644)?;
        Ok(Self { dir: dir.to_owned(), authority })
    }

    /// Opens the root in `dir`.
    pub fn open(dir: &Path) -> Result<Self, RootCaError> {
        let key = PrivateKey::from_pem(files::read(&dir.join(KEY))?.as_bytes())
            .map_err(|reason| RootCaError::Key { path: dir.join(KEY), reason })?;
        let path = dir.join(CERTIFICATE);
        let found = Certificate::all_from_pem(files::read(&path)?.as_bytes())
            .map_err(|reason| RootCaError::Certificate { path: path.clone(), reason })?;
        let [certificate] = <[Certificate; 1]>::try_from(found)
            .map_err(|all| RootCaError::NotOne { path, count: all.len() })?;
        Ok(Self {
            dir: dir.to_owned(),
            authority: CertificateAuthority::from_parts(certificate, key, Vec::new())?,
        })
    }

    pub fn authority(&self) -> &CertificateAuthority {
        &self.authority
    }

    /// Makes a token with which one cluster CA of `trust_domain` can be enrolled, once, within `lifetime` from now.
    pub fn issue_token(
        &self,
        trust_domain: &TrustDomain,
        lifetime: Duration,
    ) -> Result<EnrolmentToken, EnrolError> {
        tokens::issue(&self.dir, trust_domain, lifetime)
    }

    /// Uses a token up.
    pub(super) fn consume(
        &self,
        token: &str,
        claimed: &TrustDomain,
        now: SystemTime,
    ) -> Result<Grant, EnrolError> {
        tokens::consume(&self.dir, token, claimed, now)
    }
}
