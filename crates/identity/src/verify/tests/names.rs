//! What a cluster CA that has been taken over may try to be called, with its real key, and who
//! refuses it: our verifier by its own rules, our verifier by the CA's name constraints, and
//! openssl by the same constraints.

use super::*;
use rcgen::{CertificateParams, CustomExtension, DnType, OtherNameValue};

const OWN: &str = "spiffe://evil.example/ns/ns2/sa/server";
const VICTIM: &str = "spiffe://victim.example/ns/ns2/sa/admin";

/// A subjectAltName with the given DER content.
fn raw_names(content: &[u8]) -> CustomExtension {
    let content = [&[0x30, u8::try_from(content.len()).unwrap()], content].concat();
    let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 17], content);
    extension.set_criticality(true);
    extension
}

fn name(tag: u8, text: &[u8]) -> Vec<u8> {
    [&[0x80 | tag, u8::try_from(text.len()).unwrap()], text].concat()
}

/// A leaf that the CA has signed with exactly this subjectAltName.
fn named(ca: &CertificateAuthority, content: &[u8]) -> CertificateDer<'static> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.not_before = (now() - DAY).into();
    params.not_after = (now() + DAY).into();
    params.custom_extensions.push(raw_names(content));
    let issuer = rcgen::Issuer::from_ca_cert_der(ca.certificate().der(), ca.key().pair()).unwrap();
    params.signed_by(PrivateKey::generate().unwrap().pair(), &issuer).unwrap().der().clone()
}

/// A cluster CA as they were before they had name constraints.
fn old_cluster(mesh: &Mesh) -> CertificateAuthority {
    let key = PrivateKey::generate().unwrap();
    let old = forge(&mesh.root, &key, &["spiffe://evil.example"], |p| {
        p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        p.distinguished_name.push(DnType::CommonName, "old");
    });
    stolen(old, key, &mesh.root)
}

/// Every way of being called more, or other, than one's own SPIFFE ID.
fn disguises() -> Vec<(&'static str, Vec<u8>)> {
    let own = name(6, OWN.as_bytes());
    let and = |tag, text: &[u8]| [own.clone(), name(tag, text)].concat();
    let uri = |text: &str| name(6, text.as_bytes());
    vec![
        ("the victim's ID", uri(VICTIM)),
        ("the victim's ID as a DNS name", and(2, VICTIM.as_bytes())),
        ("a DNS name", and(2, b"victim.example")),
        ("a wildcard", and(2, b"*.victim.example")),
        ("a wildcard for everything", and(2, b"*")),
        ("a DNS name in capitals", and(2, b"SPIFFE://VICTIM.EXAMPLE/NS/NS2/SA/ADMIN")),
        ("a DNS name with a NUL", and(2, b"victim.example\0.evil.example")),
        ("a DNS name beyond ASCII", and(2, "victim.ex\u{e4}mple".as_bytes())),
        ("a DNS name that is punycode", and(2, b"xn--victim-.example")),
        ("the victim's ID as mail", and(1, VICTIM.as_bytes())),
        ("a mail name", and(1, b"admin@victim.example")),
        ("an IPv4 address", and(7, &[203, 0, 113, 21])),
        ("an IPv6 address", and(7, &[0x20; 16])),
        ("a directory name", [own.clone(), vec![0xa4, 2, 0x30, 0]].concat()),
        ("a registered id", and(8, &[0x2a, 3])),
        ("two IDs", and(6, VICTIM.as_bytes())),
        ("the same ID twice", and(6, OWN.as_bytes())),
        ("two IDs, the victim's first", [name(6, VICTIM.as_bytes()), own.clone()].concat()),
        ("a URL beside the ID", and(6, b"https://victim.example/")),
        ("a URL of its own host beside the ID", and(6, b"https://evil.example/")),
        ("only a DNS name", name(2, b"victim.example")),
        ("only a URL", uri("https://evil.example/ns/ns2/sa/server")),
        ("another scheme's case", uri("SPIFFE://evil.example/ns/ns2/sa/server")),
        ("capitals", uri("spiffe://Evil.example/ns/ns2/sa/server")),
        ("a trailing dot", uri("spiffe://evil.example./ns/ns2/sa/server")),
        ("a domain below", uri("spiffe://a.evil.example/ns/ns2/sa/server")),
        ("a domain above", uri("spiffe://example/ns/ns2/sa/server")),
        ("a longer domain", uri("spiffe://evil.example.victim.example/ns/ns2/sa/server")),
        ("a user before the host", uri("spiffe://evil.example@victim.example/ns/ns2/sa/admin")),
        ("a port", uri("spiffe://evil.example:80/ns/ns2/sa/server")),
        ("percent signs in the host", uri("spiffe://%76ictim.example/ns/ns2/sa/admin")),
        ("percent signs in the path", uri("spiffe://evil.example/ns/%6es2/sa/server")),
        ("a path that climbs", uri("spiffe://evil.example/../victim.example/ns/ns2/sa/admin")),
        ("a backslash", uri("spiffe://evil.example\\@victim.example/ns/ns2/sa/admin")),
        ("no authority", uri("spiffe:victim.example/ns/ns2/sa/admin")),
        ("three slashes", uri("spiffe:///victim.example/ns/ns2/sa/admin")),
        ("a NUL", uri("spiffe://evil.example/ns/ns2/sa/server\0")),
        ("letters beyond ASCII", uri("spiffe://evil.ex\u{430}mple/ns/ns2/sa/server")),
        ("a query", uri("spiffe://evil.example/ns/ns2/sa/server?spiffe://victim.example")),
        ("a fragment", uri("spiffe://evil.example/ns/ns2/sa/server#x")),
        ("the whole trust domain", uri("spiffe://evil.example")),
        ("nothing", vec![]),
    ]
}

#[test]
fn a_stolen_cluster_ca_can_issue_its_own_ids_and_nothing_else() {
    let mesh = Mesh::new();
    for ca in [mesh.cluster("evil.example"), old_cluster(&mesh)] {
        let chain = |leaf: CertificateDer<'static>| {
            let above = ca.chain().iter().map(|certificate| certificate.der().clone());
            [leaf].into_iter().chain(above).collect::<Vec<_>>()
        };
        let good = chain(named(&ca, &name(6, OWN.as_bytes())));
        assert_eq!(verify_svid(&good, &mesh.bundle(), Usage::ClientAuth, now()).unwrap().id.uri(), OWN);
        for (what, content) in disguises() {
            for usage in BOTH {
                let outcome = verify_chain(&chain(named(&ca, &content)), &mesh.bundle(), usage, now());
                assert!(outcome.is_err(), "{what} was believed under {}: {outcome:?}", ca.certificate());
            }
        }
    }
}

#[test]
fn each_kind_of_name_is_refused_with_its_reason() {
    let mesh = Mesh::new();
    let ca = old_cluster(&mesh);
    let refused = |content: &[u8]| {
        let above = ca.chain().iter().map(|certificate| certificate.der().clone());
        let chain: Vec<_> = [named(&ca, content)].into_iter().chain(above).collect();
        refusal(&chain, &mesh, now())
    };
    let own = name(6, OWN.as_bytes());
    let e = refused(&[own.clone(), name(2, b"victim.example")].concat());
    assert!(matches!(&e, VerifyError::FurtherNames { own, .. } if *own == domain("evil.example")), "{e}");
    assert!(e.to_string().contains("names besides its SPIFFE ID"), "{e}");
    let e = refused(&[own, name(2, VICTIM.as_bytes())].concat());
    assert!(e.to_string().contains("is no host name"), "{e}");
}

/// As companies have it whose CAs were not made by Carrick: the constraint alone binds.
#[test]
fn a_ca_without_a_name_is_bound_by_its_constraints() {
    let mesh = Mesh::new();
    let key = PrivateKey::generate().unwrap();
    let ca = forge(&mesh.root, &key, &[], |p| {
        p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        p.distinguished_name.push(DnType::CommonName, "plugged in");
        p.custom_extensions.push(crate::issue::only_for_tests(&domain("evil.example")));
    });
    let ca = stolen(ca, key, &mesh.root);
    let leaf = |uri| chain_of(&forge(&ca, &PrivateKey::generate().unwrap(), &[uri], |_| ()), &ca);
    assert!(verify_svid(&leaf(OWN), &mesh.bundle(), Usage::ClientAuth, now()).is_ok());
    let e = refusal(&leaf(VICTIM), &mesh, now());
    assert!(matches!(&e, VerifyError::Constrained { .. }), "{e}");
    assert!(e.to_string().contains("victim.example") && e.to_string().contains("plugged in"), "{e}");
    let subject = forge(&ca, &PrivateKey::generate().unwrap(), &[OWN], |p| {
        p.distinguished_name.push(DnType::CommonName, "a subject is no name that these constraints speak of");
    });
    assert!(verify_svid(&chain_of(&subject, &ca), &mesh.bundle(), Usage::ClientAuth, now()).is_ok());
}

#[test]
fn a_signer_that_names_no_trust_domain_may_issue_further_names() {
    let mesh = Mesh::new();
    let leaf = forge(&mesh.root, &PrivateKey::generate().unwrap(), &[OWN], |p| {
        p.subject_alt_names.push(SanType::DnsName("server.ns2.svc".try_into().unwrap()));
    });
    let peer = verify_svid(&chain_of(&leaf, &mesh.root), &mesh.bundle(), Usage::ClientAuth, now()).unwrap();
    assert_eq!(peer.peer.leaf.names().dns_names, ["server.ns2.svc"]);
}

#[test]
fn openssl_enforces_the_constraints_too() {
    let openssl = OpenSsl::new();
    let mesh = Mesh::new();
    let ca = mesh.cluster("evil.example");
    openssl.write("root.pem", mesh.root.certificate().pem());
    openssl.write("ca.pem", ca.certificate().pem());
    let verdict = |leaf: &Certificate| {
        openssl.write("leaf.pem", leaf.pem());
        let told = openssl.run(&format!(
            "verify -x509_strict -attime {NOW_SECONDS} -CAfile root.pem -untrusted ca.pem leaf.pem"
        ));
        String::from_utf8_lossy(&told.stderr).into_owned() + &String::from_utf8_lossy(&told.stdout)
    };
    let key = PrivateKey::generate().unwrap();
    let with = |uris: &[&str], further: Option<SanType>| {
        forge(&ca, &key, uris, |p| {
            p.use_authority_key_identifier_extension = true;
            p.is_ca = IsCa::ExplicitNoCa;
            p.subject_alt_names.extend(further);
        })
    };
    assert!(verdict(&with(&[OWN], None)).contains("leaf.pem: OK"));
    for uri in [VICTIM, "spiffe://a.evil.example/ns/x/sa/y", "spiffe://evil.example.victim.example/ns/x/sa/y"]
    {
        let said = verdict(&with(&[uri], None));
        assert!(said.contains("permitted subtree violation"), "{uri}: {said}");
    }
    let dns = SanType::DnsName("victim.example".try_into().unwrap());
    let mail = SanType::Rfc822Name("admin@victim.example".try_into().unwrap());
    let address = SanType::IpAddress("203.0.113.21".parse().unwrap());
    for (further, violation) in [(dns, "excluded"), (mail, "permitted"), (address, "excluded")] {
        let said = verdict(&with(&[OWN], Some(further)));
        assert!(said.contains(&format!("{violation} subtree violation")), "{said}");
    }
}

/// rustls-webpki alone refuses every chain of a cluster CA: this is why the CAs' links are judged
/// here.
#[test]
fn webpki_by_itself_cannot_judge_uri_constraints() {
    let mesh = Mesh::new();
    let chain = workload_chain(&mesh.cluster("a"), &workload_id("a"));
    let bundle = mesh.bundle();
    let anchors: Vec<_> = bundle.roots().iter().map(|root| root.anchor.clone()).collect();
    let time = rustls_pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(NOW_SECONDS));
    let leaf = webpki::EndEntityCert::try_from(&chain[0]).unwrap();
    let usage = webpki::KeyUsage::client_auth();
    let outcome =
        leaf.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &anchors, &chain[1..], time, usage, None, None);
    assert_eq!(outcome.err(), Some(webpki::Error::NameConstraintViolation));
    assert!(verify_svid(&chain, &mesh.bundle(), Usage::ClientAuth, now()).is_ok());
}

#[test]
fn other_names_are_read_and_refused() {
    let mesh = Mesh::new();
    let ca = mesh.cluster("a");
    let leaf = forge(&ca, &PrivateKey::generate().unwrap(), &["spiffe://a/ns/ns2/sa/server"], |p| {
        let value = OtherNameValue::Utf8String("admin@victim.example".to_owned());
        p.subject_alt_names.push(SanType::OtherName((vec![1, 3, 6, 1, 4, 1, 311, 20, 2, 3], value)));
    });
    assert_eq!(leaf.names().others, [0]);
    let e = refusal(&chain_of(&leaf, &ca), &mesh, now());
    assert!(matches!(e, VerifyError::FurtherNames { .. }), "{e}");
}

/// Between CAs webpki does not look; what it would have refused is refused here.
#[test]
fn a_ca_below_another_is_held_to_all_that_webpki_asked() {
    let mesh = Mesh::new();
    let ca = |shape: &dyn Fn(&mut CertificateParams)| {
        let key = PrivateKey::generate().unwrap();
        let one = forge(&mesh.root, &key, &["spiffe://a"], |p| {
            p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
            p.distinguished_name.push(DnType::CommonName, "below");
            shape(p);
        });
        let one = stolen(one, key, &mesh.root);
        verify_chain(&workload_chain(&one, &workload_id("a")), &mesh.bundle(), Usage::ClientAuth, now())
    };
    assert!(ca(&|_| ()).is_ok());
    let both = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    assert!(ca(&|p| p.extended_key_usages = both.clone()).is_ok());
    let e = ca(&|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]).unwrap_err();
    assert!(
        matches!(&e, VerifyError::WrongUsage { certificate, .. } if certificate.contains("\"spiffe://a\"")),
        "{e}"
    );
    let e = ca(&|p| {
        let mut unknown = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]);
        unknown.set_criticality(true);
        p.custom_extensions.push(unknown);
    })
    .unwrap_err();
    assert!(e.to_string().contains("1.3.6.1.4.1.99999.1 is not understood"), "{e}");

    // A CA of the right name that the root did not sign.
    let (key, other) = (PrivateKey::generate().unwrap(), Mesh::new());
    let impostor = forge(&other.root, &key, &["spiffe://a"], |p| {
        p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        p.distinguished_name.push(DnType::CommonName, "below");
    });
    let impostor = stolen(impostor, key, &mesh.root);
    let e = refusal(&workload_chain(&impostor, &workload_id("a")), &mesh, now());
    assert!(
        matches!(&e, VerifyError::BadSignature { certificate } if certificate.contains("\"spiffe://a\"")),
        "{e}"
    );
}

#[test]
fn many_cas_of_one_name_do_not_keep_a_verifier_busy() {
    let mesh = Mesh::new();
    let of_one_name = |above: &CertificateAuthority| {
        let key = PrivateKey::generate().unwrap();
        let one = forge(above, &key, &["spiffe://a"], |p| {
            p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            p.distinguished_name.push(DnType::CommonName, "all alike");
        });
        stolen(one, key, above)
    };
    // They all sign each other by name, so that every order would have to be tried; none leads to
    // the root.
    let other = Mesh::new();
    let first = of_one_name(&of_one_name(&other.root));
    let mut chain = workload_chain(&first, &workload_id("a"));
    while chain.len() < MAX_CHAIN {
        chain.push(of_one_name(&first).certificate().der().clone());
    }
    assert!(verify_chain(&chain, &mesh.bundle(), Usage::ClientAuth, now()).is_err());
}
