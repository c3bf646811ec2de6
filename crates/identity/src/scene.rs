//! What the tests' stories are set in: one root, two clusters with their CAs, workloads, and a
//! fixed "now".

use crate::certificate::Certificate;
use crate::issue::CertificateAuthority;
use crate::key::PrivateKey;
use crate::{CertificateDer, SpiffeId, TrustBundle, TrustDomain};
use rcgen::{CertificateParams, DistinguishedName, Issuer, SanType};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) const DAY: Duration = Duration::from_secs(86_400);
/// 2027-01-15T08:00:00Z
pub(crate) const NOW_SECONDS: u64 = 1_800_000_000;

pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW_SECONDS)
}

pub(crate) fn domain(name: &str) -> TrustDomain {
    TrustDomain::new(name).unwrap()
}

pub(crate) fn workload_id(domain_name: &str) -> SpiffeId {
    SpiffeId::workload(&domain(domain_name), "ns2", "server").unwrap()
}

/// A root of ten years and a way to make clusters' CAs below it.
pub(crate) struct Mesh {
    pub(crate) root: CertificateAuthority,
}

impl Mesh {
    pub(crate) fn new() -> Self {
        Self { root: CertificateAuthority::new_root("Carrick root CA", 3650 * DAY, now()).unwrap() }
    }

    pub(crate) fn bundle(&self) -> TrustBundle {
        TrustBundle::new([self.root.certificate().clone()]).unwrap()
    }

    /// A cluster CA of one year.
    pub(crate) fn cluster(&self, trust_domain: &str) -> CertificateAuthority {
        let key = PrivateKey::generate().unwrap();
        let certificate =
            self.root.issue_cluster_ca(key.public_key(), &domain(trust_domain), 365 * DAY, now()).unwrap();
        CertificateAuthority::from_parts(certificate.clone(), key, vec![certificate]).unwrap()
    }
}

/// A workload's certificate of one day, as it would be sent: the leaf, then the CA's chain.
pub(crate) fn workload_chain(ca: &CertificateAuthority, id: &SpiffeId) -> Vec<CertificateDer<'static>> {
    let key = PrivateKey::generate().unwrap();
    let leaf = ca.issue_workload(key.public_key(), id, DAY, now()).unwrap();
    chain_of(&leaf, ca)
}

pub(crate) fn chain_of(leaf: &Certificate, ca: &CertificateAuthority) -> Vec<CertificateDer<'static>> {
    [leaf].into_iter().chain(ca.chain()).map(|certificate| certificate.der().clone()).collect()
}

/// What a CA that has been taken over can sign: anything. `shape` sets the certificate's contents.
pub(crate) fn forge(
    ca: &CertificateAuthority,
    key: &PrivateKey,
    uris: &[&str],
    shape: impl FnOnce(&mut CertificateParams),
) -> Certificate {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.not_before = (now() - DAY).into();
    params.not_after = (now() + DAY).into();
    params.subject_alt_names = uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())).collect();
    shape(&mut params);
    let issuer = Issuer::from_ca_cert_der(ca.certificate().der(), ca.key().pair()).unwrap();
    let signed = params.signed_by(key.pair(), &issuer).unwrap();
    Certificate::from_der(signed.der().clone()).unwrap()
}
