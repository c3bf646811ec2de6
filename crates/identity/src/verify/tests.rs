mod names;

use super::*;
use crate::issue::CertificateAuthority;
use crate::key::PrivateKey;
use crate::openssl::OpenSsl;
use crate::scene::{DAY, Mesh, NOW_SECONDS, chain_of, domain, forge, now, workload_chain, workload_id};
use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType};

const BOTH: [Usage; 2] = [Usage::ClientAuth, Usage::ServerAuth];

fn refusal(chain: &[CertificateDer<'_>], mesh: &Mesh, at: SystemTime) -> VerifyError {
    verify_svid(chain, &mesh.bundle(), Usage::ClientAuth, at).expect_err("must be refused")
}

/// A CA key in the attacker's hands, holding this certificate.
fn stolen(certificate: Certificate, key: PrivateKey, above: &CertificateAuthority) -> CertificateAuthority {
    let chain = [&certificate].into_iter().chain(above.chain()).cloned().collect();
    CertificateAuthority::from_parts(certificate, key, chain).unwrap()
}

#[test]
fn workloads_of_two_clusters_believe_each_other_through_one_root() {
    let mesh = Mesh::new();
    for name in ["cluster1.example", "cluster2.example"] {
        let ca = mesh.cluster(name);
        let chain = workload_chain(&ca, &workload_id(name));
        for usage in BOTH {
            let svid = verify_svid(&chain, &mesh.bundle(), usage, now()).unwrap();
            assert_eq!(svid.id, workload_id(name));
            assert_eq!(svid.peer.intermediates, [ca.certificate().clone()]);
            assert_eq!(&svid.peer.root, mesh.root.certificate());
            assert_eq!(svid.peer.not_after(), now() + DAY);
        }
    }
}

#[test]
fn each_certificate_of_the_path_is_held_to_its_dates() {
    let mesh = Mesh::new();
    let chain = workload_chain(&mesh.cluster("a"), &workload_id("a"));
    let e = refusal(&chain, &mesh, now() + DAY + DAY);
    assert!(matches!(e, VerifyError::Expired { holder: Holder::Leaf, .. }), "{e}");
    assert!(e.to_string().contains("\"spiffe://a/ns/ns2/sa/server\""), "{e}");
    assert!(e.to_string().contains("expired at 2027-01-16T08:00:00Z, it is now 2027-01-17T08:00:00Z"), "{e}");
    let e = refusal(&chain, &mesh, now() - DAY);
    assert!(matches!(e, VerifyError::NotYetValid { holder: Holder::Leaf, .. }), "{e}");
    assert!(
        verify_svid(&chain, &mesh.bundle(), Usage::ClientAuth, now() + DAY).is_ok(),
        "the last second counts"
    );
}

#[test]
fn an_expired_intermediate_is_named_even_if_the_leaf_still_holds() {
    let mesh = Mesh::new();
    let ca = mesh.cluster("a");
    let key = PrivateKey::generate().unwrap();
    let leaf = forge(&ca, &key, &["spiffe://a/ns/x/sa/y"], |p| p.not_after = (now() + 4000 * DAY).into());
    let e = refusal(&chain_of(&leaf, &ca), &mesh, now() + 400 * DAY);
    assert!(matches!(e, VerifyError::Expired { holder: Holder::Intermediate, .. }), "{e}");
    assert!(
        e.to_string().contains("\"spiffe://a\"") && e.to_string().contains("renew the cluster CA"),
        "{e}"
    );

    let key = PrivateKey::generate().unwrap();
    let early = forge(&mesh.root, &key, &["spiffe://a"], |p| {
        p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        p.not_before = (now() + DAY / 2).into();
        p.distinguished_name.push(rcgen::DnType::CommonName, "early");
    });
    let ca = stolen(early, key, &mesh.root);
    let leaf = forge(&ca, &PrivateKey::generate().unwrap(), &["spiffe://a/ns/x/sa/y"], |_| ());
    let e = refusal(&chain_of(&leaf, &ca), &mesh, now());
    assert!(matches!(e, VerifyError::NotYetValid { holder: Holder::Intermediate, .. }), "{e}");
}

#[test]
fn the_roots_own_dates_count_though_webpki_does_not_look_at_them() {
    let mesh = Mesh::new();
    let key = PrivateKey::generate().unwrap();
    let long = |p: &mut rcgen::CertificateParams| {
        p.not_before = (now() - 9999 * DAY).into();
        p.not_after = (now() + 9999 * DAY).into();
    };
    let leaf = forge(&mesh.root, &key, &["spiffe://a/ns/x/sa/y"], long);
    let chain = chain_of(&leaf, &mesh.root);
    assert!(verify_svid(&chain, &mesh.bundle(), Usage::ClientAuth, now()).is_ok());

    let e = refusal(&chain, &mesh, now() + 3651 * DAY);
    assert!(matches!(e, VerifyError::Expired { holder: Holder::Root, .. }), "{e}");
    assert!(
        e.to_string().contains("CN=Carrick root CA") && e.to_string().contains("replace the root CA"),
        "{e}"
    );
    let e = refusal(&chain, &mesh, now() - DAY);
    assert!(matches!(e, VerifyError::NotYetValid { holder: Holder::Root, .. }), "{e}");
}

#[test]
fn a_ca_cannot_vouch_for_another_trust_domain() {
    let mesh = Mesh::new();
    let ca = mesh.cluster("evil.example");
    let key = PrivateKey::generate().unwrap();
    let leaf = forge(&ca, &key, &["spiffe://victim.example/ns/ns2/sa/server"], |_| ());
    let chain = chain_of(&leaf, &ca);
    let e = refusal(&chain, &mesh, now());
    assert!(
        matches!(&e, VerifyError::ForeignTrustDomain { own, .. } if *own == domain("evil.example")),
        "{e}"
    );
    assert!(e.to_string().contains("spiffe://victim.example/ns/ns2/sa/server"), "{e}");
    // Not even as a plain X.509 peer, where a SAN matcher would look at the same name.
    assert!(verify_chain(&chain, &mesh.bundle(), Usage::ClientAuth, now()).is_err());
}

#[test]
fn a_root_that_names_a_trust_domain_is_bound_by_it_too() {
    let mesh = Mesh::new();
    let ca = mesh.cluster("a");
    let bundle = TrustBundle::new([ca.certificate().clone()]).unwrap();
    let key = PrivateKey::generate().unwrap();
    let own = forge(&ca, &key, &["spiffe://a/b"], |_| ());
    let foreign = forge(&ca, &key, &["spiffe://b/b"], |_| ());
    assert!(verify_svid(&[own.der().clone()], &bundle, Usage::ClientAuth, now()).is_ok());
    let e = verify_svid(&[foreign.der().clone()], &bundle, Usage::ClientAuth, now()).unwrap_err();
    assert!(matches!(e, VerifyError::ForeignTrustDomain { .. }), "{e}");
}

#[test]
fn a_ca_cannot_evade_its_trust_domain_by_naming_none() {
    let mesh = Mesh::new();
    let ca = mesh.cluster("evil.example");
    let key = PrivateKey::generate().unwrap();
    let disguised = forge(&ca, &key, &[], |p| {
        p.subject_alt_names = vec![SanType::DnsName("victim.example".try_into().unwrap())];
    });
    let chain = chain_of(&disguised, &ca);
    let e = verify_chain(&chain, &mesh.bundle(), Usage::ServerAuth, now()).unwrap_err();
    assert!(matches!(e, VerifyError::ForeignTrustDomain { .. }), "{e}");
}

#[test]
fn a_ca_cannot_escape_through_a_ca_below_it() {
    let mesh = Mesh::new();
    let ca = mesh.cluster("evil.example");
    let key = PrivateKey::generate().unwrap();
    let below = forge(&ca, &key, &["spiffe://victim.example"], |p| {
        p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        p.distinguished_name.push(rcgen::DnType::CommonName, "below");
    });
    let below = stolen(below, key, &ca);
    let leaf =
        forge(&below, &PrivateKey::generate().unwrap(), &["spiffe://victim.example/ns/x/sa/y"], |_| ());
    let e = refusal(&chain_of(&leaf, &below), &mesh, now());
    assert!(matches!(e, VerifyError::PathTooLong { limit: 0, below: 1, .. }), "pathlen 0: {e}");

    // Were its pathlen unlimited, each CA of the path would still bind the leaf.
    let key = PrivateKey::generate().unwrap();
    let loose = forge(&mesh.root, &key, &["spiffe://evil.example"], |p| {
        p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        p.distinguished_name.push(rcgen::DnType::CommonName, "loose");
    });
    let loose = stolen(loose, key, &mesh.root);
    let key = PrivateKey::generate().unwrap();
    let below = forge(&loose, &key, &["spiffe://victim.example"], |p| {
        p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        p.distinguished_name.push(rcgen::DnType::CommonName, "below");
    });
    let below = stolen(below, key, &loose);
    let leaf =
        forge(&below, &PrivateKey::generate().unwrap(), &["spiffe://victim.example/ns/x/sa/y"], |_| ());
    let e = refusal(&chain_of(&leaf, &below), &mesh, now());
    assert!(
        matches!(&e, VerifyError::ForeignTrustDomain { own, .. } if *own == domain("evil.example")),
        "{e}"
    );
}

#[test]
fn a_workload_cannot_act_as_a_ca() {
    let mesh = Mesh::new();
    let ca = mesh.cluster("a");
    let key = PrivateKey::generate().unwrap();
    let leaf = ca.issue_workload(key.public_key(), &workload_id("a"), DAY, now()).unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI("spiffe://a/ns/kube-system/sa/admin".try_into().unwrap())];
    let issuer = rcgen::Issuer::from_ca_cert_der(leaf.der(), key.pair()).unwrap();
    let own = PrivateKey::generate().unwrap();
    let forged = params.signed_by(own.pair(), &issuer).unwrap().der().clone();
    let chain = [vec![forged], chain_of(&leaf, &ca)].concat();
    let e = refusal(&chain, &mesh, now());
    assert!(
        matches!(&e, VerifyError::NotACa { certificate } if certificate.contains("ns2/sa/server")),
        "{e}"
    );
}

#[test]
fn a_ca_without_key_cert_sign_signs_nothing() {
    let mesh = Mesh::new();
    let key = PrivateKey::generate().unwrap();
    let issue = |usages: Vec<KeyUsagePurpose>, key: &PrivateKey| {
        forge(&mesh.root, key, &["spiffe://a"], |p| {
            p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
            p.key_usages = usages;
            p.distinguished_name.push(rcgen::DnType::CommonName, "limited");
        })
    };
    let limited = issue(vec![KeyUsagePurpose::DigitalSignature], &key);
    let good = issue(vec![KeyUsagePurpose::KeyCertSign], &key);
    let ca = stolen(good, key, &mesh.root);
    let leaf = forge(&ca, &PrivateKey::generate().unwrap(), &["spiffe://a/ns/x/sa/y"], |_| ());
    let chain = [leaf.der().clone(), limited.der().clone()];
    assert!(matches!(refusal(&chain, &mesh, now()), VerifyError::NotACa { .. }));
}

#[test]
fn leaves_that_are_no_svid_are_refused_each_for_its_reason() {
    let mesh = Mesh::new();
    let root = &mesh.root;
    let key = PrivateKey::generate().unwrap();
    let e = |leaf: &Certificate| refusal(&chain_of(leaf, root), &mesh, now());
    let bad = |leaf: &Certificate, reason: &str| {
        let e = e(leaf);
        assert!(matches!(e, VerifyError::BadIdentity { .. }) && e.to_string().contains(reason), "{e}");
        // With a spiffe: URI there is no way around the rules.
        assert!(verify_chain(&chain_of(leaf, root), &mesh.bundle(), Usage::ClientAuth, now()).is_err());
    };
    bad(&forge(root, &key, &["spiffe://a/b", "spiffe://a/c"], |_| ()), "2 URI names");
    bad(&forge(root, &key, &["spiffe://a/b", "https://x/"], |_| ()), "2 URI names");
    bad(&forge(root, &key, &["spiffe://A/b"], |_| ()), "'A'");
    bad(&forge(root, &key, &["SPIFFE://a/b"], |_| ()), "lower case");
    bad(&forge(root, &key, &["spiffe://a/b/../c"], |_| ()), "..");
    bad(&forge(root, &key, &["spiffe://a"], |_| ()), "whole trust domain");
    bad(
        &forge(root, &key, &["spiffe://a/b"], |p| p.key_usages = vec![KeyUsagePurpose::KeyCertSign]),
        "sign certificates",
    );
    bad(
        &forge(root, &key, &["spiffe://a/b"], |p| p.key_usages = vec![KeyUsagePurpose::KeyAgreement]),
        "digitalSignature",
    );
    assert!(matches!(e(&forge(root, &key, &["https://x/"], |_| ())), VerifyError::NotAnSvid { .. }));
    let ca = forge(root, &key, &["spiffe://a/b"], |p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    assert!(matches!(e(&ca), VerifyError::LeafIsCa { .. }));
}

#[test]
fn a_certificate_for_clients_is_not_good_for_servers() {
    let mesh = Mesh::new();
    let key = PrivateKey::generate().unwrap();
    let leaf = forge(&mesh.root, &key, &["spiffe://a/b"], |p| {
        p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]
    });
    let chain = chain_of(&leaf, &mesh.root);
    assert!(verify_svid(&chain, &mesh.bundle(), Usage::ClientAuth, now()).is_ok());
    let e = verify_svid(&chain, &mesh.bundle(), Usage::ServerAuth, now()).unwrap_err();
    assert!(matches!(e, VerifyError::WrongUsage { .. }) && e.to_string().contains("serverAuth"), "{e}");
}

#[test]
fn another_root_is_not_believed_not_even_under_the_same_name() {
    let (mesh, other) = (Mesh::new(), Mesh::new());
    let chain = workload_chain(&other.cluster("a"), &workload_id("a"));
    let e = refusal(&chain, &mesh, now());
    assert!(matches!(e, VerifyError::BadSignature { .. }), "{e}");

    let renamed = CertificateAuthority::new_root("another", DAY, now()).unwrap();
    let leaf = forge(&renamed, &PrivateKey::generate().unwrap(), &["spiffe://a/b"], |_| ());
    let e = refusal(&chain_of(&leaf, &renamed), &mesh, now());
    assert!(matches!(e, VerifyError::UnknownIssuer { .. }), "{e}");
    assert!(e.to_string().contains("CN=another") && e.to_string().contains("CN=Carrick root CA"), "{e}");
}

#[test]
fn a_chain_without_its_intermediate_says_whose_issuer_is_missing() {
    let mesh = Mesh::new();
    let chain = workload_chain(&mesh.cluster("a"), &workload_id("a"));
    let e = refusal(&chain[..1], &mesh, now());
    assert!(
        matches!(&e, VerifyError::UnknownIssuer { issuer, .. } if issuer.contains("Carrick cluster CA")),
        "{e}"
    );
    assert!(e.to_string().contains("send the missing intermediate"), "{e}");
}

#[test]
fn while_roots_are_exchanged_both_are_believed() {
    let (old, new) = (Mesh::new(), Mesh::new());
    let both = old.bundle().merge(new.bundle());
    for mesh in [&old, &new] {
        let chain = workload_chain(&mesh.cluster("a"), &workload_id("a"));
        assert_eq!(
            &verify_svid(&chain, &both, Usage::ClientAuth, now()).unwrap().peer.root,
            mesh.root.certificate()
        );
    }
    let chain = workload_chain(&old.cluster("a"), &workload_id("a"));
    assert!(verify_svid(&chain, &new.bundle(), Usage::ClientAuth, now()).is_err(), "the old root is dropped");
}

#[test]
fn the_root_sent_along_and_certificates_of_others_do_no_harm() {
    let mesh = Mesh::new();
    let ca = mesh.cluster("a");
    let mut chain = workload_chain(&ca, &workload_id("a"));
    chain.insert(1, mesh.cluster("b").certificate().der().clone());
    chain.push(mesh.root.certificate().der().clone());
    let peer = verify_svid(&chain, &mesh.bundle(), Usage::ClientAuth, now()).unwrap().peer;
    assert_eq!(peer.intermediates, [ca.certificate().clone()]);
}

#[test]
fn a_plain_server_shows_all_its_names_for_matchers_to_look_at() {
    let openssl = OpenSsl::new();
    openssl.ok("req -x509 -new -newkey rsa:2048 -nodes -keyout ca.key -subj /CN=Shop-CA -days 30 -out ca.pem -addext basicConstraints=critical,CA:TRUE");
    openssl.ok("req -new -newkey rsa:2048 -nodes -keyout k -subj /CN=shop -out shop.csr");
    openssl.write("ext", "subjectAltName=DNS:shop.example,IP:10.0.0.1,email:a@b.c,URI:https://shop.example\nextendedKeyUsage=serverAuth");
    openssl.ok(
        "x509 -req -in shop.csr -CA ca.pem -CAkey ca.key -set_serial 7 -days 10 -extfile ext -out shop.pem",
    );
    let bundle = TrustBundle::from_pem(&openssl.read("ca.pem")).unwrap();
    let leaf = Certificate::all_from_pem(&openssl.read("shop.pem")).unwrap().remove(0);
    let at = leaf.validity().not_before + DAY;
    let chain = [leaf.der().clone()];

    let peer = verify_chain(&chain, &bundle, Usage::ServerAuth, at).unwrap();
    assert_eq!(peer.id, None);
    assert_eq!(peer.leaf.subject(), "CN=shop");
    assert_eq!(peer.leaf.names().dns_names, ["shop.example"]);
    assert_eq!(
        (peer.leaf.names().ips.len(), peer.leaf.names().emails.len(), peer.leaf.names().uris.len()),
        (1, 1, 1)
    );
    assert!(matches!(
        verify_svid(&chain, &bundle, Usage::ServerAuth, at),
        Err(VerifyError::NotAnSvid { .. })
    ));
}

#[test]
fn a_self_signed_server_certificate_can_be_trusted_by_itself() {
    let openssl = OpenSsl::new();
    openssl.ok("req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -subj /CN=solo -days 30 -out solo.pem -addext basicConstraints=CA:FALSE -addext subjectAltName=DNS:solo");
    let bundle = TrustBundle::from_pem(&openssl.read("solo.pem")).unwrap();
    let leaf = bundle.certificates().next().unwrap().clone();
    let at = leaf.validity().not_before;
    assert!(verify_chain(&[leaf.der().clone()], &bundle, Usage::ServerAuth, at).is_ok());
}

#[test]
fn a_root_that_is_no_ca_vouches_for_nobody_else() {
    let mesh = Mesh::new();
    let key = PrivateKey::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = IsCa::ExplicitNoCa;
    let root = Certificate::from_der(params.self_signed(key.pair()).unwrap().der().clone()).unwrap();
    let issuer = rcgen::Issuer::from_ca_cert_der(root.der(), key.pair()).unwrap();
    let mut leaf = rcgen::CertificateParams::default();
    leaf.subject_alt_names = vec![SanType::URI("spiffe://a/b".try_into().unwrap())];
    let leaf = leaf.signed_by(PrivateKey::generate().unwrap().pair(), &issuer).unwrap().der().clone();
    let bundle = TrustBundle::new([root, mesh.root.certificate().clone()]).unwrap();
    let e = verify_svid(&[leaf], &bundle, Usage::ClientAuth, now()).unwrap_err();
    assert!(matches!(e, VerifyError::NotACa { .. }), "{e}");
}

#[test]
fn the_roots_path_length_counts_though_webpki_does_not_look_at_it() {
    let key = PrivateKey::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let root = Certificate::from_der(params.self_signed(key.pair()).unwrap().der().clone()).unwrap();
    let root = CertificateAuthority::from_parts(root, key, Vec::new()).unwrap();
    let key = PrivateKey::generate().unwrap();
    let ca = forge(&root, &key, &["spiffe://a"], |p| {
        p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        p.distinguished_name.push(rcgen::DnType::CommonName, "below");
    });
    let ca = stolen(ca, key, &root);
    let chain = workload_chain(&ca, &workload_id("a"));
    let bundle = TrustBundle::new([root.certificate().clone()]).unwrap();
    let e = verify_svid(&chain, &bundle, Usage::ClientAuth, now()).unwrap_err();
    assert!(matches!(e, VerifyError::PathTooLong { limit: 0, below: 1, .. }), "{e}");

    let openssl = OpenSsl::new();
    openssl.write("root.pem", root.certificate().pem());
    openssl.write("ca.pem", ca.certificate().pem());
    openssl.write("leaf.pem", Certificate::from_der(chain[0].clone()).unwrap().pem());
    let agrees =
        openssl.run(&format!("verify -attime {NOW_SECONDS} -CAfile root.pem -untrusted ca.pem leaf.pem"));
    assert!(!agrees.status.success(), "openssl refuses it too");
}

#[test]
fn empty_long_and_garbled_chains_are_refused_without_a_panic() {
    let mesh = Mesh::new();
    let chain = workload_chain(&mesh.cluster("a"), &workload_id("a"));
    assert_eq!(refusal(&[], &mesh, now()), VerifyError::NoCertificate);
    let long: Vec<_> = chain.iter().cycle().take(11).cloned().collect();
    assert_eq!(refusal(&long, &mesh, now()), VerifyError::TooMany { sent: 11 });
    let e = verify_svid(&chain, &TrustBundle::default(), Usage::ClientAuth, now()).unwrap_err();
    assert_eq!(e, VerifyError::NoRoots);
    let garbled = [CertificateDer::from(vec![0x30, 0x82, 0xff, 0xff])];
    assert!(matches!(refusal(&garbled, &mesh, now()), VerifyError::Unreadable { place: 0, .. }));
    let garbled = [chain[0].clone(), CertificateDer::from(vec![1, 2, 3])];
    assert!(matches!(
        refusal(&garbled, &mesh, now()),
        VerifyError::UnknownIssuer { .. } | VerifyError::Refused { .. }
    ));
    // Bytes changed after signing.
    for at in (0..chain[0].len()).step_by(7) {
        let mut der = chain[0].to_vec();
        der[at] ^= 0x01;
        let _ = refusal(&[CertificateDer::from(der), chain[1].clone()], &mesh, now());
    }
}
