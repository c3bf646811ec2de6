//! The cluster CA on disk, in Istio's `cacerts` layout, and in use.
//!
//! It must not know who is signed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use carrick_identity::cacerts::{CA_CERT, CA_KEY, CERT_CHAIN, CaCerts, CaCertsFiles, ROOT_CERT};
use carrick_identity::{Certificate, PrivateKey, TrustBundle, TrustDomain};
use zeroize::Zeroizing;

use super::enrol::RootClient;
use super::error::CaError;
use super::pending::Pending;
use crate::files;

/// The CA that signs at present. Signing requests read it as it is; whoever replaces it, replaces
/// it whole.
#[derive(Debug)]
pub struct ClusterCa {
    current: ArcSwap<CaCerts>,
}

impl ClusterCa {
    pub fn new(certs: CaCerts) -> Self {
        Self { current: ArcSwap::from_pointee(certs) }
    }

    /// The authority and the roots in use now; a request is answered from one of these, whole.
    pub fn active(&self) -> Arc<CaCerts> {
        self.current.load_full()
    }

    /// From now on these sign.
    pub(super) fn replace(&self, certs: CaCerts) {
        self.current.store(Arc::new(certs));
    }
}

/// How this cluster gets a CA from the root.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// Where the CA is kept.
    pub dir: PathBuf,
    pub root: RootClient,
    /// A file that holds the enrolment token. It need not be there while there is a CA.
    pub token: Option<PathBuf>,
}

/// Whether these certificates may sign workloads of the trust domain.
pub(super) fn is_for(certs: &CaCerts, wanted: &TrustDomain) -> bool {
    certs.authority.trust_domain() == Some(wanted)
}

/// Opens the CA, or, if there is none, enrols a new one at the root and stores it. One that names
/// another trust domain is enrolled anew too, and kept beside: its operator has edited the domain,
/// and the token for the new one allows it.
///
/// # Errors
/// A damaged, partial or expired set of files: it is never replaced silently, since workloads may
/// trust it.
pub async fn load_or_enrol(enrolment: &Enrolment, trust_domain: &TrustDomain) -> Result<CaCerts, CaError> {
    let Some(certs) = load(&enrolment.dir)? else { return enrolment.enrol(trust_domain).await };
    match certs.authority.trust_domain().cloned() {
        Some(own) if own != *trust_domain => {
            store(&beside(&enrolment.dir, &own), &certs)?;
            enrolment.enrol(trust_domain).await.map_err(|reason| CaError::OtherDomain {
                dir: enrolment.dir.clone(),
                own,
                wanted: trust_domain.clone(),
                reason: Box::new(reason),
            })
        }
        _ => {
            // Killed after the answer was kept, the enrolment has left this.
            Pending::forget(&enrolment.dir, trust_domain);
            bind(certs, &enrolment.dir, trust_domain)
        }
    }
}

/// Where the CA for a former trust domain is kept.
fn beside(dir: &Path, former: &TrustDomain) -> PathBuf {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    dir.with_file_name(format!("{name}.{former}"))
}

/// A CA of the user's own need not name a trust domain; then the federation file alone says which
/// it is for.
fn bind(certs: CaCerts, dir: &Path, trust_domain: &TrustDomain) -> Result<CaCerts, CaError> {
    let bound = certs.bound_to(trust_domain, SystemTime::now()).map_err(|reason| CaError::Foreign {
        dir: dir.to_owned(),
        wanted: trust_domain.clone(),
        reason: Box::new(reason),
    })?;
    if !bound.authority.is_bound_for_verifiers() {
        tracing::warn!(
            "the CA in {} does not say that it is for {trust_domain}: whoever trusts its root would believe it \
             for any trust domain; have it issued with the URI name {} and with name constraints \
             (docs/security.md, \"A CA of your own\")",
            dir.display(),
            trust_domain.id()
        );
    }
    Ok(bound)
}

/// Whether the CA in `dir` is missing or is for another trust domain, so that a token is needed. Of
/// a CA that cannot be read it says no: that is for the operator to help.
pub fn needs_enrolment(dir: &Path, wanted: &TrustDomain) -> bool {
    // Should this fail, loading the CA tells.
    let _ = files::recover_dir(dir);
    let Ok(pem) = files::read(&dir.join(CA_CERT)) else { return !dir.exists() };
    let certificates = Certificate::all_from_pem(pem.as_bytes()).unwrap_or_default();
    let named = certificates.first().and_then(|own| own.spiffe_id().ok().flatten());
    named.is_some_and(|own| own.trust_domain() != wanted)
}

impl Enrolment {
    /// Enrols a new CA and stores it.
    async fn enrol(&self, trust_domain: &TrustDomain) -> Result<CaCerts, CaError> {
        let token = self.read_token()?;
        // On disk before it is asked for: killed after the root has answered, we ask the same
        // again.
        let pending = Pending::load_or_make(&self.dir, trust_domain)?;
        let certs = request(trust_domain, &self.root, &token, &pending).await?;
        store(&self.dir, &certs)?;
        Pending::forget(&self.dir, trust_domain);
        tracing::info!(%trust_domain, "enrolled the cluster CA");
        Ok(certs)
    }

    /// The token as its file has it now.
    pub(super) fn read_token(&self) -> Result<Zeroizing<String>, CaError> {
        let path = self.token.as_ref().ok_or_else(|| CaError::NoToken { dir: self.dir.clone() })?;
        Ok(Zeroizing::new(files::read(path)?))
    }
}

async fn request(
    trust_domain: &TrustDomain,
    root: &RootClient,
    token: &str,
    pending: &Pending,
) -> Result<CaCerts, CaError> {
    let answer = root.sign(pending.csr.clone(), token.trim().to_owned(), trust_domain).await?;
    let mut chain = Certificate::all_from_pem(answer.certificate.as_bytes())?;
    let certificate = chain.first().cloned().ok_or(CaError::NoCertificate)?;
    for pem in &answer.intermediates {
        chain.extend(Certificate::all_from_pem(pem.as_bytes())?);
    }
    let bundle = TrustBundle::from_pem(answer.roots.concat().as_bytes())?;
    let key = PrivateKey::from_pem(pending.key.as_bytes())?;
    CaCerts::new(certificate, key, chain, bundle, SystemTime::now())
        .map_err(|error| CaError::Answer(Box::new(error)))
}

fn load(dir: &Path) -> Result<Option<CaCerts>, CaError> {
    files::recover_dir(dir)?;
    let read = |name| match files::read(&dir.join(name)) {
        Ok(text) => Ok(Some(text.into_bytes())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    let found = CaCertsFiles {
        ca_cert: read(CA_CERT)?,
        ca_key: read(CA_KEY)?.map(Zeroizing::new),
        root_cert: read(ROOT_CERT)?,
        cert_chain: read(CERT_CHAIN)?,
    };
    CaCerts::load(found, SystemTime::now())
        .map_err(|reason| CaError::Damaged { dir: dir.to_owned(), reason: Box::new(reason) })
}

fn store(dir: &Path, certs: &CaCerts) -> Result<(), CaError> {
    let files = certs.expose_files();
    let files: Vec<_> =
        files.iter().map(|file| (file.name, file.contents.as_bytes().to_vec(), file.mode)).collect();
    Ok(crate::files::replace_dir(dir, &files)?)
}

#[cfg(test)]
mod tests;
