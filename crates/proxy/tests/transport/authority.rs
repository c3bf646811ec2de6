//! Certificates for stories: a CA, and workloads' identities under it.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};

pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its key, in PEM.
#[derive(Clone)]
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer }
    }

    pub fn root(&self) -> String {
        self.issuer.pem()
    }

    /// A workload `spiffe://cluster.local/ns/default/sa/NAME`.
    pub fn workload(&self, name: &str) -> Identity {
        let uri = format!("spiffe://cluster.local/ns/default/sa/{name}");
        self.leaf(SanType::URI(uri.try_into().unwrap()))
    }

    pub fn host(&self, name: &str) -> Identity {
        self.leaf(SanType::DnsName(name.try_into().unwrap()))
    }

    fn leaf(&self, name: SanType) -> Identity {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![name];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

/// A PEM text as one line of YAML.
pub fn quoted(pem: &str) -> String {
    format!("\"{}\"", pem.replace('\n', "\\n"))
}
