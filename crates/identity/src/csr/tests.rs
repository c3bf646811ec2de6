use super::*;
use crate::openssl::OpenSsl;
use crate::scene::{DAY, Mesh, now, workload_id};
use proptest::prelude::*;
use std::sync::LazyLock;

const HOSTILE: &str = "
[req]
distinguished_name = name
req_extensions = ext
prompt = no
[name]
CN = root of everything
O = system:masters
[ext]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
extendedKeyUsage = codeSigning
subjectAltName = URI:spiffe://victim/ns/kube-system/sa/admin,DNS:istiod.istio-system.svc,IP:10.0.0.1
subjectKeyIdentifier = hash
nameConstraints = permitted;DNS:evil.example
";

#[test]
fn whatever_a_request_asks_for_only_its_key_is_taken() {
    let openssl = OpenSsl::new();
    openssl.write("hostile.cnf", HOSTILE);
    openssl.ok("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem");
    openssl.ok("req -new -key key.pem -config hostile.cnf -out hostile.csr");
    let request = CertificateRequest::from_pem(&openssl.read("hostile.csr")).unwrap();

    let ca = Mesh::new().cluster("a");
    let leaf = ca.issue_workload(request.public_key(), &workload_id("a"), DAY, now()).unwrap();

    openssl.write("leaf.pem", leaf.pem());
    let text = openssl.ok("x509 -in leaf.pem -noout -text");
    assert!(text.contains("URI:spiffe://a/ns/ns2/sa/server\n"), "{text}");
    for wish in
        ["victim", "CA:TRUE", "Certificate Sign", "Code Signing", "istiod", "masters", "10.0.0.1", "evil"]
    {
        assert!(!text.contains(wish), "{wish} got into the certificate:\n{text}");
    }
    let key = openssl.ok("pkey -in key.pem -pubout");
    assert_eq!(openssl.ok("x509 -in leaf.pem -noout -pubkey"), key);
}

#[test]
fn our_own_request_passes_openssl_and_carries_the_wished_name() {
    let openssl = OpenSsl::new();
    let key = PrivateKey::generate().unwrap();
    openssl.write("own.csr", make_request(&key, Some(&workload_id("a"))).unwrap());
    let text = openssl.ok("req -in own.csr -noout -verify -text");
    assert!(text.contains("verify OK") && text.contains("URI:spiffe://a/ns/ns2/sa/server"), "{text}");

    let request = CertificateRequest::from_pem(make_request(&key, None).unwrap().as_bytes()).unwrap();
    assert_eq!(request.public_key(), key.public_key());
}

#[test]
fn requests_of_istios_agent_with_rsa_keys_are_served() {
    let openssl = OpenSsl::new();
    openssl.ok("req -new -newkey rsa:2048 -nodes -keyout rsa.pem -subj / -out rsa.csr");
    let request = CertificateRequest::from_pem(&openssl.read("rsa.csr")).unwrap();
    assert_eq!(request.public_key().algorithm(), "RSA");
}

#[test]
fn a_request_for_somebody_elses_key_is_refused() {
    let (mine, theirs) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let pem = make_request(&mine, None).unwrap();
    let mut der = CertificateSigningRequestDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec();
    let at = der.windows(mine.public_key().spki().len()).position(|w| w == mine.public_key().spki()).unwrap();
    der[at..at + theirs.public_key().spki().len()].copy_from_slice(theirs.public_key().spki());
    assert_eq!(CertificateRequest::from_der(&der), Err(CsrError::Possession));
}

#[test]
fn weak_requests_are_refused_by_name() {
    let openssl = OpenSsl::new();
    openssl.ok("req -new -newkey rsa:2048 -nodes -keyout k1 -subj / -sha1 -out sha1.csr");
    openssl.ok("req -new -newkey rsa:1024 -nodes -keyout k2 -subj / -out small.csr");
    openssl.ok("req -new -newkey ed25519 -nodes -keyout k3 -subj / -out ed25519.csr");
    openssl.ok(
        "req -new -newkey ec -pkeyopt ec_paramgen_curve:secp256k1 -nodes -keyout k4 -subj / -out koblitz.csr",
    );
    let refusal = |file| CertificateRequest::from_pem(&openssl.read(file)).unwrap_err();
    assert!(matches!(refusal("sha1.csr"), CsrError::Algorithm(_)));
    assert_eq!(refusal("small.csr"), CsrError::Key(KeyError::Unsupported("RSA of 1024 bits".to_owned())));
    assert!(matches!(refusal("ed25519.csr"), CsrError::Algorithm(_)));
    assert!(matches!(refusal("koblitz.csr"), CsrError::Key(KeyError::Unsupported(_))));
}

#[test]
fn what_is_no_request_is_refused() {
    assert!(matches!(CertificateRequest::from_pem(b""), Err(CsrError::Pem(_))));
    let certificate = Mesh::new().root.certificate().pem();
    assert!(matches!(CertificateRequest::from_pem(certificate.as_bytes()), Err(CsrError::Pem(_))));
    let large = vec![b'a'; MAX_REQUEST + 1];
    assert_eq!(CertificateRequest::from_pem(&large), Err(CsrError::TooLarge(MAX_REQUEST + 1)));
    let mut trailing = REQUEST.clone();
    trailing.push(0);
    assert!(matches!(CertificateRequest::from_der(&trailing), Err(CsrError::Malformed(_))));
}

static REQUEST: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let pem = make_request(&PrivateKey::generate().unwrap(), Some(&workload_id("a"))).unwrap();
    CertificateSigningRequestDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
});

proptest! {
    /// What is signed cannot be changed. (In the unsigned wrapping the parser overlooks some
    /// oddities.)
    #[test]
    fn a_request_changed_in_any_byte_is_refused_or_says_the_same(at in any::<prop::sample::Index>(), flip in 1u8..) {
        let mut der = REQUEST.clone();
        let at = at.index(der.len());
        der[at] ^= flip;
        if let Ok(request) = CertificateRequest::from_der(&der) {
            let original = CertificateRequest::from_der(&REQUEST).unwrap();
            prop_assert_eq!(request, original);
        }
    }

    #[test]
    fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(CertificateRequest::from_der(&bytes).is_err());
        prop_assert!(CertificateRequest::from_pem(&bytes).is_err());
    }
}
