use super::*;
use crate::openssl::OpenSsl;
use crate::scene::{DAY, Mesh, NOW_SECONDS, domain, now, workload_id};
use std::collections::HashSet;

#[test]
fn openssl_believes_root_cluster_ca_and_workload() {
    let openssl = OpenSsl::new();
    let mesh = Mesh::new();
    let ca = mesh.cluster("cluster1.example");
    let key = PrivateKey::generate().unwrap();
    let leaf = ca.issue_workload(key.public_key(), &workload_id("cluster1.example"), DAY, now()).unwrap();
    openssl.write("root.pem", mesh.root.certificate().pem());
    openssl.write("ca.pem", ca.certificate().pem());
    openssl.write("leaf.pem", leaf.pem());

    for purpose in ["sslclient", "sslserver"] {
        openssl.ok(&format!(
            "verify -x509_strict -attime {NOW_SECONDS} -purpose {purpose} -CAfile root.pem -untrusted ca.pem leaf.pem"
        ));
    }
    let without_ca = openssl.run(&format!("verify -attime {NOW_SECONDS} -CAfile root.pem leaf.pem"));
    assert!(!without_ca.status.success());
}

#[test]
fn a_workload_certificate_is_written_as_istio_writes_it() {
    let openssl = OpenSsl::new();
    let ca = Mesh::new().cluster("cluster1.example");
    let key = PrivateKey::generate().unwrap();
    let leaf = ca.issue_workload(key.public_key(), &workload_id("cluster1.example"), DAY, now()).unwrap();
    openssl.write("leaf.pem", leaf.pem());
    let text: String = openssl
        .ok("x509 -in leaf.pem -noout -text")
        .lines()
        .map(|line| line.trim().to_owned() + "\n")
        .collect();
    for part in [
        "Version: 3 (0x2)\n",
        "Signature Algorithm: ecdsa-with-SHA256\n",
        "Issuer: O = Carrick, CN = Carrick cluster CA\n",
        "Not Before: Jan 15 07:58:00 2027 GMT\n",
        "Not After : Jan 16 08:00:00 2027 GMT\n",
        "Subject:\n",
        "X509v3 Subject Alternative Name: critical\nURI:spiffe://cluster1.example/ns/ns2/sa/server\n",
        "X509v3 Key Usage: critical\nDigital Signature, Key Encipherment\n",
        "X509v3 Extended Key Usage:\nTLS Web Server Authentication, TLS Web Client Authentication\n",
        "X509v3 Basic Constraints: critical\nCA:FALSE\n",
        "X509v3 Authority Key Identifier:\n",
    ] {
        assert!(text.contains(part), "missing {part:?} in\n{text}");
    }
}

#[test]
fn a_cluster_ca_is_bound_to_its_trust_domain_and_may_sign_leaves_only() {
    let openssl = OpenSsl::new();
    let ca = Mesh::new().cluster("cluster1.example");
    openssl.write("ca.pem", ca.certificate().pem());
    let text = openssl.ok("x509 -in ca.pem -noout -text");
    for part in [
        "CA:TRUE, pathlen:0",
        "URI:spiffe://cluster1.example\n",
        "Certificate Sign, CRL Sign",
        "X509v3 Name Constraints: critical\n",
        "URI:cluster1.example\n",
        "email:.invalid\n",
        "DNS:\n",
        "IP:0.0.0.0/0.0.0.0\n",
        "IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0\n",
    ] {
        assert!(text.contains(part), "missing {part:?} in\n{text}");
    }
    assert_eq!(ca.trust_domain(), Some(&domain("cluster1.example")));

    let key = PrivateKey::generate().unwrap();
    let further = ca.issue_cluster_ca(key.public_key(), &domain("cluster1.example"), DAY, now());
    assert!(matches!(further, Err(IssueError::NoFurtherCa { .. })));
    let foreign = ca.issue_workload(key.public_key(), &workload_id("cluster2.example"), DAY, now());
    assert!(matches!(foreign, Err(IssueError::ForeignTrustDomain { .. })));
    let whole = ca.issue_workload(key.public_key(), &domain("cluster1.example").id(), DAY, now());
    assert!(matches!(whole, Err(IssueError::NotAWorkload { .. })));
}

#[test]
fn no_certificate_outlives_its_signer() {
    let mesh = Mesh::new();
    let key = PrivateKey::generate().unwrap();
    let ca = mesh.root.issue_cluster_ca(key.public_key(), &domain("a"), 9999 * DAY, now()).unwrap();
    assert_eq!(ca.validity().not_after, mesh.root.certificate().validity().not_after);

    let ca = mesh.cluster("a");
    let late = now() + 364 * DAY + DAY / 2;
    let leaf = ca.issue_workload(key.public_key(), &workload_id("a"), DAY, late).unwrap();
    assert_eq!(leaf.validity().not_after, ca.certificate().validity().not_after);
    assert_eq!(leaf.validity().not_before, late - BACKDATE);
}

#[test]
fn a_ca_outside_its_dates_signs_nothing_and_says_why() {
    let ca = Mesh::new().cluster("a");
    let key = PrivateKey::generate().unwrap();
    let at = |when| ca.issue_workload(key.public_key(), &workload_id("a"), DAY, when).unwrap_err();
    let e = at(now() + 366 * DAY);
    assert!(matches!(e, IssueError::SignerExpired { .. }));
    assert!(e.to_string().contains("spiffe://a") && e.to_string().contains("2028-01-15T08:00:00Z"), "{e}");
    assert!(matches!(at(now() - DAY), IssueError::SignerNotYetValid { .. }));
    assert!(matches!(at(SystemTime::UNIX_EPOCH), IssueError::SignerNotYetValid { .. }));
}

#[test]
fn dates_beyond_x509_are_an_error_and_no_panic() {
    for lifetime in [Duration::MAX, 4_000_000 * DAY] {
        let root = CertificateAuthority::new_root("r", lifetime, now());
        assert!(matches!(root, Err(IssueError::Dates { .. })));
    }
    assert!(matches!(
        CertificateAuthority::new_root("r", DAY, SystemTime::UNIX_EPOCH),
        Err(IssueError::Dates { .. })
    ));
}

#[test]
fn serials_are_random_and_never_repeat() {
    let ca = Mesh::new().cluster("a");
    let key = PrivateKey::generate().unwrap();
    let serials: HashSet<String> = (0..500)
        .map(|_| {
            ca.issue_workload(key.public_key(), &workload_id("a"), DAY, now()).unwrap().serial().to_owned()
        })
        .collect();
    assert_eq!(serials.len(), 500);
    assert!(serials.iter().all(|serial| (24..=32).contains(&serial.len())), "128 bits: {serials:?}");
}

#[test]
fn a_ca_made_by_openssl_with_rsa_as_istios_makefile_does_can_issue() {
    let openssl = OpenSsl::new();
    openssl.ok("req -x509 -new -newkey rsa:2048 -nodes -keyout key.pem -subj /O=Istio/CN=Root -days 3650 -out ca.pem");
    let certificate = Certificate::all_from_pem(&openssl.read("ca.pem")).unwrap().remove(0);
    let from = certificate.validity().not_before + DAY;
    let key = PrivateKey::from_pem(&openssl.read("key.pem")).unwrap();
    let ca = CertificateAuthority::from_parts(certificate, key, Vec::new()).unwrap();
    let leaf = ca
        .issue_workload(
            PrivateKey::generate().unwrap().public_key(),
            &workload_id("cluster.local"),
            DAY,
            from,
        )
        .unwrap();
    openssl.write("leaf.pem", leaf.pem());
    let at = from.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    openssl.ok(&format!("verify -attime {at} -CAfile ca.pem leaf.pem"));
}

#[test]
fn parts_that_do_not_fit_make_no_authority() {
    let openssl = OpenSsl::new();
    let mesh = Mesh::new();
    let other = PrivateKey::generate().unwrap();
    let e = CertificateAuthority::from_parts(mesh.root.certificate().clone(), other, Vec::new()).unwrap_err();
    assert!(matches!(e, IssueError::KeyMismatch { .. }));

    let key = PrivateKey::generate().unwrap();
    let leaf = mesh.cluster("a").issue_workload(key.public_key(), &workload_id("a"), DAY, now()).unwrap();
    let e = CertificateAuthority::from_parts(leaf, key, Vec::new()).unwrap_err();
    assert!(matches!(e, IssueError::NotACa { .. }) && e.to_string().contains("spiffe://a/ns/ns2"), "{e}");

    openssl.ok("req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -subj /OU=one/OU=two/CN=Twice -out ca.pem");
    let certificate = Certificate::all_from_pem(&openssl.read("ca.pem")).unwrap().remove(0);
    let key = PrivateKey::from_pem(&openssl.read("key.pem")).unwrap();
    let e = CertificateAuthority::from_parts(certificate, key, Vec::new()).unwrap_err();
    assert!(matches!(e, IssueError::Subject { .. }), "{e}");
}

#[test]
fn a_trust_domain_that_is_no_host_name_cannot_be_constrained() {
    let mesh = Mesh::new();
    let key = PrivateKey::generate().unwrap();
    for name in [".example", "example.", "a..b", ".", "10.0.0.1"] {
        let refused = mesh.root.issue_cluster_ca(key.public_key(), &domain(name), DAY, now());
        assert!(matches!(refused, Err(IssueError::Unconstrainable { .. })), "{name}");
    }
    let longest = format!("{}.example", "a".repeat(247));
    for name in ["a", "under_score.example", &longest] {
        let key = PrivateKey::generate().unwrap();
        let ca = mesh.root.issue_cluster_ca(key.public_key(), &domain(name), DAY, now()).unwrap();
        let ca = CertificateAuthority::from_parts(ca.clone(), key, vec![ca]).unwrap();
        let chain = crate::scene::workload_chain(&ca, &workload_id(name));
        crate::verify_svid(&chain, &mesh.bundle(), crate::Usage::ClientAuth, now()).unwrap();
    }
}
