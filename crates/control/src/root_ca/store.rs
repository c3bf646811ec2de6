//! The root CA's folder: its certificate, its key, its record.
//!
//! It must not know how requests arrive.

use std::path::Path;
use std::time::{Duration, SystemTime};

use carrick_identity::enrolment::{EnrolmentToken, IssuedCa, Ledger, TokenId};
use carrick_identity::{Certificate, CertificateAuthority, PrivateKey, TrustDomain};

use super::error::{RootCaError, SignError};
use super::record::{JOURNAL, Record, Wanted};
use crate::files;

const CERTIFICATE: &str = "root-cert.pem";
const KEY: &str = "root-key.pem";

/// A root CA on disk.
#[derive(Debug)]
pub struct RootStore {
    authority: CertificateAuthority,
    record: Record,
}

impl RootStore {
    /// Makes a new root in `dir`, in one step: killed at any moment, it leaves a root or nothing.
    /// `max_lifetime` is the most that the cluster CAs below it live.
    ///
    /// # Errors
    /// If there is anything in `dir`: a root is never replaced by this.
    pub fn init(
        dir: &Path,
        name: &str,
        lifetime: Duration,
        max_lifetime: Duration,
        now: SystemTime,
    ) -> Result<Self, RootCaError> {
        if Self::is_in(dir) {
            return Err(RootCaError::Exists { dir: dir.to_owned() });
        }
        let authority = CertificateAuthority::new_root(name, lifetime, now)?;
        let set = [
            (KEY, authority.key().expose_pem().as_bytes().to_vec(), 0o600),
            (CERTIFICATE, authority.certificate().pem().into_bytes(), 0o644),
            (JOURNAL, Record::beginning(max_lifetime, now), 0o600),
        ];
        files::create_dir(dir, &set).map_err(RootCaError::Make)?;
        Ok(Self { authority, record: Record::in_dir(dir) })
    }

    /// Whether there is a root, or a part of one, in `dir`.
    pub fn is_in(dir: &Path) -> bool {
        dir.join(CERTIFICATE).exists() || dir.join(KEY).exists()
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
            record: Record::in_dir(dir),
            authority: CertificateAuthority::from_parts(certificate, key, Vec::new())?,
        })
    }

    pub fn authority(&self) -> &CertificateAuthority {
        &self.authority
    }

    /// Makes a token with which one cluster CA of `trust_domain` can be enrolled, once, within
    /// `lifetime` from now.
    pub fn issue_token(
        &self,
        trust_domain: &TrustDomain,
        lifetime: Duration,
    ) -> Result<EnrolmentToken, RootCaError> {
        Ok(self.record.make_token(trust_domain, lifetime, SystemTime::now())?)
    }

    /// From now on no cluster CA lives longer.
    pub fn set_max_lifetime(&self, max_lifetime: Duration) -> Result<(), RootCaError> {
        Ok(self.record.set_policy(max_lifetime, SystemTime::now())?)
    }

    /// Everything on record.
    pub fn ledger(&self) -> Result<Ledger, RootCaError> {
        Ok(self.record.read()?)
    }

    /// From now on the token is good for nothing.
    pub fn revoke_token(&self, token: &TokenId) -> Result<(), RootCaError> {
        Ok(self.record.revoke_token(token, SystemTime::now())?)
    }

    /// From now on the key of the cluster CA with this serial gets no certificate.
    pub fn revoke_ca(&self, serial: &str) -> Result<(), RootCaError> {
        Ok(self.record.revoke_ca(serial, SystemTime::now())?)
    }

    /// The certificate for a request.
    pub(super) fn sign(&self, wanted: &Wanted<'_>, now: SystemTime) -> Result<IssuedCa, SignError> {
        self.record.sign(&self.authority, wanted, now)
    }
}
