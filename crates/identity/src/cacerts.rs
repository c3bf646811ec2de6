//! Istio's `cacerts`: the four files in which a cluster CA is handed over. Contents and modes only;
//! reading and writing the files is the caller's.
//!
//! Source: Istio, "Plug in CA Certificates"; `pilot/pkg/bootstrap/istio_ca.go`.

#[cfg(test)]
mod tests;

use crate::bundle::TrustBundle;
use crate::certificate::{Certificate, CertificateError};
use crate::issue::{CertificateAuthority, IssueError};
use crate::key::{KeyError, PrivateKey};
use crate::spiffe::{SpiffeError, TrustDomain};
use crate::ttl::{TtlError, TtlPolicy};
use crate::verify::{Usage, VerifyError, verify_chain};
use std::time::{Duration, SystemTime};
use thiserror::Error;
use zeroize::Zeroizing;

/// The CA's own certificate.
pub const CA_CERT: &str = "ca-cert.pem";
/// The CA's private key.
pub const CA_KEY: &str = "ca-key.pem";
/// The trusted roots.
pub const ROOT_CERT: &str = "root-cert.pem";
/// What is sent after each leaf: the CA's certificate and those above it.
pub const CERT_CHAIN: &str = "cert-chain.pem";

/// The contents of the files as found; `None` for one that does not exist.
#[derive(Default)]
pub struct CaCertsFiles {
    pub ca_cert: Option<Vec<u8>>,
    pub ca_key: Option<Zeroizing<Vec<u8>>>,
    pub root_cert: Option<Vec<u8>>,
    pub cert_chain: Option<Vec<u8>>,
}

/// A file to be written, created with this mode from the start (never chmod'ed afterwards).
pub struct CaCertsFile {
    pub name: &'static str,
    pub contents: Zeroizing<String>,
    /// 0600 for the key, 0644 for the others.
    pub mode: u32,
}

/// Why a `cacerts` folder cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CaCertsError {
    #[error("cacerts is incomplete: {missing} missing while others exist; provide all four files or none")]
    Partial { missing: String },
    #[error("{file}: {reason}")]
    Certificates { file: &'static str, reason: CertificateError },
    #[error("{CA_KEY}: {0}")]
    Key(#[from] KeyError),
    #[error("{CA_CERT}: {0}")]
    Authority(IssueError),
    #[error(
        "{CERT_CHAIN}: its first certificate is {found}, not the CA's own from {CA_CERT} ({expected}); put that first, then those above it"
    )]
    ChainStart { found: String, expected: String },
    #[error(
        "{CA_CERT}, {CERT_CHAIN} and {ROOT_CERT} do not fit together, no peer would believe what this CA issues: {0}"
    )]
    Untrusted(VerifyError),
    #[error("{CA_CERT} or {CERT_CHAIN}: {0}")]
    Expired(TtlError),
    #[error("{CA_CERT}: {0}")]
    TrustDomain(#[from] SpiffeError),
}

/// A cluster CA and the roots that it chains to, checked.
#[derive(Debug)]
pub struct CaCerts {
    pub authority: CertificateAuthority,
    pub bundle: TrustBundle,
}

impl CaCerts {
    /// Checks and takes over the four files; `Ok(None)` if none of them exists.
    pub fn load(files: CaCertsFiles, now: SystemTime) -> Result<Option<Self>, CaCertsError> {
        let (ca_cert, ca_key, root_cert, cert_chain) = match files {
            CaCertsFiles { ca_cert: None, ca_key: None, root_cert: None, cert_chain: None } => {
                return Ok(None);
            }
            CaCertsFiles {
                ca_cert: Some(ca_cert),
                ca_key: Some(ca_key),
                root_cert: Some(root_cert),
                cert_chain: Some(cert_chain),
            } => (ca_cert, ca_key, root_cert, cert_chain),
            partial => return Err(CaCertsError::Partial { missing: partial.missing() }),
        };
        let certificates = |file, pem: &[u8]| {
            Certificate::all_from_pem(pem).map_err(|reason| CaCertsError::Certificates { file, reason })
        };
        let own = certificates(CA_CERT, &ca_cert)?.swap_remove(0);
        let roots = certificates(ROOT_CERT, &root_cert)?;
        let bundle = TrustBundle::new(roots)
            .map_err(|reason| CaCertsError::Certificates { file: ROOT_CERT, reason })?;
        let blank = cert_chain.iter().all(u8::is_ascii_whitespace);
        let chain = if blank { Vec::new() } else { certificates(CERT_CHAIN, &cert_chain)? };
        Self::new(own, PrivateKey::from_pem(&ca_key)?, chain, bundle, now).map(Some)
    }

    /// The same checks for parts that are in memory, such as the root CA's answer to an enrolment.
    /// `chain` begins with `certificate`; it may be empty only if the certificate is itself a root
    /// of the bundle.
    pub fn new(
        certificate: Certificate,
        key: PrivateKey,
        chain: Vec<Certificate>,
        bundle: TrustBundle,
        now: SystemTime,
    ) -> Result<Self, CaCertsError> {
        if let Some(first) = chain.first().filter(|first| **first != certificate) {
            let (found, expected) = (first.to_string(), certificate.to_string());
            return Err(CaCertsError::ChainStart { found, expected });
        }
        let authority =
            CertificateAuthority::from_parts(certificate, key, chain).map_err(CaCertsError::Authority)?;
        let this = Self { authority, bundle };
        this.check_trust(now)?;
        Ok(this)
    }

    /// The same CA, bound to a trust domain that its certificate need not name.
    ///
    /// # Errors
    /// If the CA, or one above it, is for another trust domain, by its name or by its constraints.
    pub fn bound_to(self, trust_domain: &TrustDomain, now: SystemTime) -> Result<Self, CaCertsError> {
        let authority = self.authority.bound_to(trust_domain).map_err(CaCertsError::Authority)?;
        let bound = Self { authority, ..self };
        bound.check_trust(now)?;
        Ok(bound)
    }

    /// The policy with its default cut to what is left of the CA's chain, as Istio does at
    /// start-up.
    pub fn lifetimes(&self, policy: TtlPolicy, now: SystemTime) -> Result<TtlPolicy, TtlError> {
        let own = [self.authority.certificate()];
        policy.within_chain(own.into_iter().chain(self.authority.chain()).map(Certificate::validity), now)
    }

    /// Issues a certificate on trial and verifies it as a peer would: this asks all that matters at
    /// once, that the chain reaches a root, that nothing in it has expired, and that each CA in it
    /// may sign the next.
    fn check_trust(&self, now: SystemTime) -> Result<(), CaCertsError> {
        self.lifetimes(TtlPolicy::default(), now).map_err(CaCertsError::Expired)?;
        let trust_domain = match self.authority.trust_domain() {
            Some(own) => own.clone(),
            // Constraints are asked when the trust domain is known.
            None if self.authority.is_bound_for_verifiers() => return Ok(()),
            None => TrustDomain::new("trial")?,
        };
        let id = crate::SpiffeId::workload(&trust_domain, "trial", "trial")?;
        // A key of its own: webpki takes a certificate with its issuer's key for a loop.
        let key = PrivateKey::generate()?;
        let trial = self
            .authority
            .issue_workload(key.public_key(), &id, Duration::from_secs(60), now)
            .map_err(CaCertsError::Authority)?;
        let sent: Vec<_> =
            [&trial].into_iter().chain(self.authority.chain()).map(|c| c.der().clone()).collect();
        verify_chain(&sent, &self.bundle, Usage::ServerAuth, now).map_err(CaCertsError::Untrusted)?;
        Ok(())
    }

    /// The four files. **Secret:** one of them holds the private key.
    pub fn expose_files(&self) -> [CaCertsFile; 4] {
        let public = |name, pem| CaCertsFile { name, contents: Zeroizing::new(pem), mode: 0o644 };
        [
            public(CA_CERT, self.authority.certificate().pem()),
            CaCertsFile { name: CA_KEY, contents: self.authority.key().expose_pem(), mode: 0o600 },
            public(ROOT_CERT, self.bundle.pem()),
            public(CERT_CHAIN, self.authority.chain().iter().map(Certificate::pem).collect()),
        ]
    }
}

impl CaCertsFiles {
    fn missing(&self) -> String {
        let files = [
            (CA_CERT, self.ca_cert.is_none()),
            (CA_KEY, self.ca_key.is_none()),
            (ROOT_CERT, self.root_cert.is_none()),
            (CERT_CHAIN, self.cert_chain.is_none()),
        ];
        files.iter().filter(|(_, missing)| *missing).map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}
