//! Certificate authorities and the three certificates that they write: root, cluster CA, workload.
//!
//! Everything in a certificate but the public key comes from the caller, who authenticated the
//! subject.

mod constraints;
#[cfg(test)]
mod tests;

use crate::certificate::{CaRole, Certificate, CertificateError, NameConstraints};
use crate::key::{KeyError, PrivateKey, PublicKey};
use crate::spiffe::{SpiffeId, TrustDomain};
use crate::validity::{Standing, date_time, rfc3339, unix_seconds};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose, SanType, SerialNumber,
};
use std::time::{Duration, SystemTime};
use thiserror::Error;

/// NotBefore lies this far in the past, so that a peer whose clock is a little behind accepts a
/// fresh certificate (Istio: 2 minutes).
pub const BACKDATE: Duration = Duration::from_secs(120);

/// Why a certificate could not be issued, or an authority not be set up.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IssueError {
    #[error("the CA certificate {signer} expired at {not_after}, it is now {now}; renew the CA")]
    SignerExpired { signer: String, not_after: String, now: String },
    #[error(
        "the CA certificate {signer} is valid only from {not_before}, it is now {now}; set the clock right"
    )]
    SignerNotYetValid { signer: String, not_before: String, now: String },
    #[error("the CA certificate {signer} speaks for the trust domain {own}; it cannot issue {wanted}")]
    ForeignTrustDomain { signer: String, own: TrustDomain, wanted: SpiffeId },
    #[error("the CA certificate {signer} may not issue another CA (pathlen 0); ask the root CA")]
    NoFurtherCa { signer: String },
    #[error(
        "{certificate} is not a CA certificate (basicConstraints CA:TRUE, keyUsage keyCertSign); use one that is"
    )]
    NotACa { certificate: String },
    #[error(
        "the private key does not belong to the CA certificate {certificate}; use the key that it was made with"
    )]
    KeyMismatch { certificate: String },
    #[error(
        "the subject of the CA certificate {certificate} cannot be repeated exactly as issuer: {reason}; use a CA whose subject has each attribute once"
    )]
    Subject { certificate: String, reason: String },
    #[error(
        "the trust domain {trust_domain} cannot be written as a name constraint; use the form of a host name that is no address, such as cluster1.example"
    )]
    Unconstrainable { trust_domain: TrustDomain },
    #[error("{id} is not an identity of a workload; its path is empty")]
    NotAWorkload { id: SpiffeId },
    #[error("a certificate from {from} for {seconds} s cannot be dated; set the clock right or ask for less")]
    Dates { from: String, seconds: u64 },
    #[error("the certificate could not be written: {0}")]
    Write(String),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A CA: its certificate, its key, and the chain that a verifier needs besides the root.
#[derive(Debug)]
pub struct CertificateAuthority {
    certificate: Certificate,
    key: PrivateKey,
    chain: Vec<Certificate>,
    trust_domain: Option<TrustDomain>,
}

impl CertificateAuthority {
    /// A new self-signed root: CA:TRUE without path limit, ECDSA P-256. It names no trust domain,
    /// since the clusters below it have one each. `name` becomes the common name (at most 64
    /// characters).
    pub fn new_root(name: &str, lifetime: Duration, now: SystemTime) -> Result<Self, IssueError> {
        let key = PrivateKey::generate()?;
        let mut params = params(now, lifetime, None)?;
        params.distinguished_name = distinguished_name(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let signed = params.self_signed(key.pair()).map_err(write_error)?;
        Self::from_parts(Certificate::from_der(signed.der().clone())?, key, Vec::new())
    }

    /// An authority out of its parts. `chain` is what stands in `cert-chain.pem`: sent after each
    /// leaf, the CA's own certificate first; empty for a root. Checks that the key belongs to the
    /// certificate, that the certificate is a CA, and that it can be named as an issuer; not the
    /// dates, and not the chain's signatures.
    pub fn from_parts(
        certificate: Certificate,
        key: PrivateKey,
        chain: Vec<Certificate>,
    ) -> Result<Self, IssueError> {
        if certificate.spki() != key.public_key().spki() {
            return Err(IssueError::KeyMismatch { certificate: certificate.to_string() });
        }
        let may_sign = certificate.key_usage().is_none_or(|usage| usage.key_cert_sign);
        if !matches!(certificate.ca(), CaRole::Authority { .. }) || !may_sign {
            return Err(IssueError::NotACa { certificate: certificate.to_string() });
        }
        let unusable = |reason: String| IssueError::Subject { certificate: certificate.to_string(), reason };
        let trust_domain =
            certificate.spiffe_id().map_err(|e| unusable(e.to_string()))?.map(|id| id.trust_domain().clone());
        let authority = Self { certificate, key, chain, trust_domain };
        authority.check_issuer_name()?;
        Ok(authority)
    }

    /// rcgen writes the issuer's name anew and would lose a repeated attribute; no verifier would
    /// then find the issuer. A certificate made on trial, and thrown away, shows it before the
    /// first real one.
    fn check_issuer_name(&self) -> Result<(), IssueError> {
        let unusable =
            |reason: String| IssueError::Subject { certificate: self.certificate.to_string(), reason };
        let issuer = Issuer::from_ca_cert_der(self.certificate.der(), self.key.pair())
            .map_err(|e| unusable(e.to_string()))?;
        let mut trial = CertificateParams::default();
        trial.serial_number = Some(random_serial()?);
        let trial = trial.signed_by(self.key.public_key().info(), &issuer).map_err(write_error)?;
        if Certificate::from_der(trial.der().clone())?.issuer_der() != self.certificate.subject_der() {
            return Err(unusable("it changes when written again".to_owned()));
        }
        Ok(())
    }

    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// What is sent after each leaf, this CA's own certificate first. Empty for a root.
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// The trust domain that the CA is bound to, by its certificate or by its holder; `None` for a
    /// root.
    pub fn trust_domain(&self) -> Option<&TrustDomain> {
        self.trust_domain.as_ref()
    }

    /// The same authority, issuing for this trust domain only: for CAs of others, whose
    /// certificates name none.
    ///
    /// # Errors
    /// If its certificate names another.
    pub fn bound_to(self, trust_domain: &TrustDomain) -> Result<Self, IssueError> {
        match &self.trust_domain {
            Some(own) if own != trust_domain => Err(IssueError::ForeignTrustDomain {
                signer: self.certificate.to_string(),
                own: own.clone(),
                wanted: trust_domain.id(),
            }),
            _ => Ok(Self { trust_domain: Some(trust_domain.clone()), ..self }),
        }
    }

    /// Whether verifiers can see, by a name or by constraints in the CA's chain, which trust domain
    /// the CA is for. Of one where they cannot, every peer that trusts the same root believes any
    /// identity.
    pub fn is_bound_for_verifiers(&self) -> bool {
        let binds = |certificate: &Certificate| {
            matches!(certificate.spiffe_id(), Ok(Some(_)))
                || certificate.name_constraints().is_some_and(NameConstraints::limit_uris)
        };
        [&self.certificate].into_iter().chain(&self.chain).any(binds)
    }

    /// Issues an intermediate: CA:TRUE, pathlen 0, bound to its trust domain twice. `spiffe://TD`
    /// is its URI name, by which every Carrick verifier holds it to identities of that trust
    /// domain; and its name constraints permit URIs of that host only, and no DNS, mail or address
    /// names, which others enforce too (BoringSSL in Envoy, OpenSSL, Go). NotAfter is cut to this
    /// CA's own.
    pub fn issue_cluster_ca(
        &self,
        key: &PublicKey,
        trust_domain: &TrustDomain,
        lifetime: Duration,
        now: SystemTime,
    ) -> Result<Certificate, IssueError> {
        let id = trust_domain.id();
        if self.certificate.ca() == (CaRole::Authority { path_len: Some(0) }) {
            return Err(IssueError::NoFurtherCa { signer: self.certificate.to_string() });
        }
        let mut params = self.subject_params(&id, lifetime, now)?;
        params.distinguished_name = distinguished_name("Carrick cluster CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.custom_extensions.push(constraints::only(trust_domain)?);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        self.sign(&params, key)
    }

    /// Issues a workload certificate as Istio writes it: empty subject, critical URI name,
    /// digitalSignature and keyEncipherment, serverAuth and clientAuth, NotBefore two minutes ago,
    /// NotAfter cut to this CA's own. `id` is the identity that the caller authenticated; see
    /// [`crate::ttl::TtlPolicy`] for `lifetime`.
    pub fn issue_workload(
        &self,
        key: &PublicKey,
        id: &SpiffeId,
        lifetime: Duration,
        now: SystemTime,
    ) -> Result<Certificate, IssueError> {
        if id.path().is_empty() {
            return Err(IssueError::NotAWorkload { id: id.clone() });
        }
        let mut params = self.subject_params(id, lifetime, now)?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params, key)
    }

    fn subject_params(
        &self,
        id: &SpiffeId,
        lifetime: Duration,
        now: SystemTime,
    ) -> Result<CertificateParams, IssueError> {
        if let Some(own) = self.trust_domain.as_ref().filter(|own| *own != id.trust_domain()) {
            return Err(IssueError::ForeignTrustDomain {
                signer: self.certificate.to_string(),
                own: own.clone(),
                wanted: id.clone(),
            });
        }
        let validity = self.certificate.validity();
        let signer = self.certificate.to_string();
        match validity.standing(now) {
            Standing::Valid => {}
            Standing::Expired => {
                let not_after = rfc3339(validity.not_after);
                return Err(IssueError::SignerExpired { signer, not_after, now: rfc3339(now) });
            }
            Standing::NotYetValid => {
                let not_before = rfc3339(validity.not_before);
                return Err(IssueError::SignerNotYetValid { signer, not_before, now: rfc3339(now) });
            }
        }
        let mut params = params(now, lifetime, Some(validity.not_after))?;
        params.subject_alt_names.push(SanType::URI(id.uri().try_into().map_err(write_error)?));
        params.use_authority_key_identifier_extension = true;
        Ok(params)
    }

    fn sign(&self, params: &CertificateParams, key: &PublicKey) -> Result<Certificate, IssueError> {
        let issuer =
            Issuer::from_ca_cert_der(self.certificate.der(), self.key.pair()).map_err(write_error)?;
        let signed = params.signed_by(key.info(), &issuer).map_err(write_error)?;
        Ok(Certificate::from_der(signed.der().clone())?)
    }
}

/// What every certificate begins with: a random serial, the dates, an empty subject.
fn params(
    now: SystemTime,
    lifetime: Duration,
    latest: Option<SystemTime>,
) -> Result<CertificateParams, IssueError> {
    let undatable = || IssueError::Dates { from: rfc3339(now), seconds: lifetime.as_secs() };
    let end = now.checked_add(lifetime).ok_or_else(undatable)?;
    let end = latest.map_or(end, |latest| end.min(latest));
    let start = now.checked_sub(BACKDATE).ok_or_else(undatable)?;
    let dated = |at| unix_seconds(at).and_then(date_time).ok_or_else(undatable);
    let mut params = CertificateParams::default();
    params.not_before = dated(start)?;
    params.not_after = dated(end)?;
    params.serial_number = Some(random_serial()?);
    params.distinguished_name = DistinguishedName::new();
    Ok(params)
}

fn distinguished_name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Carrick");
    name.push(DnType::CommonName, common_name.chars().take(64).collect::<String>());
    name
}

/// 128 random bits: no serial is used twice, and no record of the used ones is needed.
fn random_serial() -> Result<SerialNumber, IssueError> {
    let mut bytes = [0u8; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| KeyError::Random)?;
    Ok(SerialNumber::from_slice(&bytes))
}

fn write_error(e: rcgen::Error) -> IssueError {
    IssueError::Write(e.to_string())
}

/// A cluster CA's constraints, for CAs that tests make by hand.
#[cfg(test)]
pub(crate) fn only_for_tests(trust_domain: &TrustDomain) -> rcgen::CustomExtension {
    constraints::only(trust_domain).unwrap()
}
