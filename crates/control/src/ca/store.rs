//! The cluster CA on disk, in Istio's `cacerts` layout, and in use.
//!
//! It must not know who is signed.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use arc_swap::ArcSwap;
use carrick_identity::cacerts::{CA_CERT, CA_KEY, CERT_CHAIN, CaCerts, CaCertsFiles, ROOT_CERT};
use carrick_identity::{Certificate, CertificateAuthority, PrivateKey, TrustBundle, TrustDomain, csr};
use zeroize::Zeroizing;

use super::enrol::RootClient;
use crate::files;

/// The CA that signs at present. Signing requests read it as it is; rotation swaps it whole.
#[derive(Debug)]
pub struct ClusterCa {
    current: ArcSwap<CaCerts>,
}

/// The authority in use during one request.
pub struct Active(arc_swap::Guard<Arc<CaCerts>>);

impl std::ops::Deref for Active {
    type Target = CertificateAuthority;

    fn deref(&self) -> &CertificateAuthority {
        &self.0.authority
    }
}

impl ClusterCa {
    pub fn new(certs: CaCerts) -> Self {
        Self { current: ArcSwap::from_pointee(certs) }
    }

    pub fn active(&self) -> Active {
        Active(self.current.load())
    }

    /// All trusted roots as one text.
    pub fn roots_pem(&self) -> String {
        self.current.load().bundle.pem()
    }
}

/// Opens the CA in `dir`, or, if there is none, enrols a new one at the root with the token in `token_file` and stores it.
///
/// # Errors
/// A damaged, partial or expired set of files: it is never replaced silently, since workloads may trust it.
pub async fn load_or_enrol(
    dir: &Path,
    trust_domain: &TrustDomain,
    root: &RootClient,
    token_file: Option<&Path>,
) -> Result<CaCerts> {
    if let Some(certs) = load(dir)? {
        return bind(certs, dir, trust_domain);
    }
    let token_file = token_file.with_context(|| {
        format!("there is no CA in {} and no enrolment token to get one; pass --token", dir.display())
    })?;
    let token = Zeroizing::new(files::read(token_file)?);
    let certs = enrol(trust_domain, root, token.trim()).await?;
    store(dir, &certs)?;
    tracing::info!(%trust_domain, "enrolled the cluster CA");
    Ok(certs)
}

/// A CA of the user's own need not name a trust domain; then the federation file alone says which it is for.
fn bind(certs: CaCerts, dir: &Path, trust_domain: &TrustDomain) -> Result<CaCerts> {
    match certs.authority.trust_domain() {
        Some(own) if own != trust_domain => {
            bail!("the CA in {} is for {own}, not {trust_domain}", dir.display())
        }
        _ => {}
    }
    let bound = certs
        .bound_to(trust_domain, SystemTime::now())
        .with_context(|| format!("the CA in {} cannot be used for {trust_domain}", dir.display()))?;
    if !bound.authority.is_bound_for_verifiers() {
        tracing::warn!(
            "the CA in {} does not say that it is for {trust_domain}: whoever trusts its root would believe it for any trust domain; \
             have it issued with the URI name {} and with name constraints (docs/security.md, \"A CA of your own\")",
            dir.display(),
            trust_domain.id()
        );
    }
    Ok(bound)
}

async fn enrol(trust_domain: &TrustDomain, root: &RootClient, token: &str) -> Result<CaCerts> {
    let key = PrivateKey::generate()?;
    let csr = csr::make_request(&key, Some(&trust_domain.id()))?;
    let answer = root.sign(csr, token.to_owned(), trust_domain).await?;
    let mut chain = Certificate::all_from_pem(answer.certificate.as_bytes())?;
    let certificate = chain.first().cloned().context("the root CA answered without a certificate")?;
    for pem in &answer.intermediates {
        chain.extend(Certificate::all_from_pem(pem.as_bytes())?);
    }
    let bundle = TrustBundle::from_pem(answer.roots.concat().as_bytes())?;
    CaCerts::new(certificate, key, chain, bundle, SystemTime::now())
        .context("the root CA's answer cannot be used")
}

fn load(dir: &Path) -> Result<Option<CaCerts>> {
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
    CaCerts::load(found, SystemTime::now()).with_context(|| format!("cannot use the CA in {}", dir.display()))
}

fn store(dir: &Path, certs: &CaCerts) -> Result<()> {
    let files = certs.expose_files();
    let files: Vec<_> =
        files.iter().map(|file| (file.name, file.contents.as_bytes().to_vec(), file.mode)).collect();
    Ok(crate::files::replace_dir(dir, &files)?)
}

#[cfg(test)]
mod tests;
