use super::*;
use crate::openssl::OpenSsl;
use crate::scene::{DAY, Mesh, NOW_SECONDS, domain, forge, now, workload_id};
use rcgen::{BasicConstraints, IsCa};

/// The folder as the caller would read it back.
fn read_back(files: &[CaCertsFile]) -> CaCertsFiles {
    let contents = |name| files.iter().find(|f| f.name == name).map(|f| f.contents.as_bytes().to_vec());
    CaCertsFiles {
        ca_cert: contents(CA_CERT),
        ca_key: contents(CA_KEY).map(Zeroizing::new),
        root_cert: contents(ROOT_CERT),
        cert_chain: contents(CERT_CHAIN),
    }
}

fn cluster_cacerts(mesh: &Mesh) -> CaCerts {
    let key = PrivateKey::generate().unwrap();
    let own = mesh.root.issue_cluster_ca(key.public_key(), &domain("a"), 365 * DAY, now()).unwrap();
    CaCerts::new(own.clone(), key, vec![own], mesh.bundle(), now()).unwrap()
}

fn files(mesh: &Mesh) -> CaCertsFiles {
    read_back(&cluster_cacerts(mesh).expose_files())
}

#[test]
fn what_is_written_is_read_back_and_goes_on_issuing() {
    let mesh = Mesh::new();
    let written = cluster_cacerts(&mesh);
    let on_disk = written.expose_files();
    let modes: Vec<_> = on_disk.iter().map(|file| (file.name, file.mode)).collect();
    assert_eq!(modes, [(CA_CERT, 0o644), (CA_KEY, 0o600), (ROOT_CERT, 0o644), (CERT_CHAIN, 0o644)]);

    let read = CaCerts::load(read_back(&on_disk), now()).unwrap().unwrap();
    assert_eq!(read.authority.certificate(), written.authority.certificate());
    assert_eq!(read.authority.trust_domain(), Some(&domain("a")));
    assert_eq!(read.bundle, mesh.bundle());

    let openssl = OpenSsl::new();
    for file in &on_disk {
        openssl.write(file.name, file.contents.as_bytes());
    }
    let key = PrivateKey::generate().unwrap();
    let leaf = read.authority.issue_workload(key.public_key(), &workload_id("a"), DAY, now()).unwrap();
    openssl.write("leaf.pem", leaf.pem());
    openssl.ok(&format!("verify -attime {NOW_SECONDS} -CAfile {ROOT_CERT} -untrusted {CERT_CHAIN} leaf.pem"));
}

#[test]
fn no_files_are_no_ca_and_some_files_are_an_error_that_lists_the_missing() {
    assert!(CaCerts::load(CaCertsFiles::default(), now()).unwrap().is_none());
    let mesh = Mesh::new();
    let partial = CaCertsFiles { ca_key: None, root_cert: None, ..files(&mesh) };
    let e = CaCerts::load(partial, now()).unwrap_err();
    assert_eq!(e, CaCertsError::Partial { missing: "ca-key.pem, root-cert.pem".to_owned() });
}

#[test]
fn each_check_names_the_file_at_fault() {
    let (mesh, other) = (Mesh::new(), Mesh::new());
    let refused = |change: &dyn Fn(&mut CaCertsFiles)| {
        let mut files = files(&mesh);
        change(&mut files);
        CaCerts::load(files, now()).unwrap_err()
    };
    let e = refused(&|f| f.ca_cert = Some(b"nothing".to_vec()));
    assert!(matches!(e, CaCertsError::Certificates { file: CA_CERT, .. }), "{e}");
    let e = refused(&|f| f.ca_key = Some(Zeroizing::new(b"nothing".to_vec())));
    assert!(matches!(e, CaCertsError::Key(_)), "{e}");
    let e = refused(&|f| f.ca_key = files(&other).ca_key);
    assert!(matches!(e, CaCertsError::Authority(IssueError::KeyMismatch { .. })), "{e}");
    let e = refused(&|f| f.root_cert = files(&other).root_cert);
    assert!(matches!(e, CaCertsError::Untrusted(_)), "{e}");
    let e = refused(&|f| f.cert_chain = files(&other).cert_chain);
    assert!(matches!(e, CaCertsError::ChainStart { .. }), "{e}");
    let e = refused(&|f| f.cert_chain = Some(b"\n".to_vec()));
    assert!(matches!(e, CaCertsError::Untrusted(VerifyError::UnknownIssuer { .. })), "{e}");
}

#[test]
fn a_workload_certificate_is_no_ca() {
    let mesh = Mesh::new();
    let key = PrivateKey::generate().unwrap();
    let leaf = mesh.cluster("a").issue_workload(key.public_key(), &workload_id("a"), DAY, now()).unwrap();
    let e = CaCerts::new(leaf.clone(), key, vec![leaf], mesh.bundle(), now()).unwrap_err();
    assert!(matches!(e, CaCertsError::Authority(IssueError::NotACa { .. })), "{e}");
}

#[test]
fn an_expired_chain_or_root_stops_the_start() {
    let mesh = Mesh::new();
    let e = CaCerts::load(files(&mesh), now() + 366 * DAY).unwrap_err();
    assert!(matches!(e, CaCertsError::Expired(_)), "{e}");

    let key = PrivateKey::generate().unwrap();
    let long = forge(&mesh.root, &key, &["spiffe://a"], |p| {
        p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        p.not_after = (now() + 9999 * DAY).into();
    });
    let after_root = now() + 3651 * DAY;
    let e = CaCerts::new(long.clone(), key, vec![long], mesh.bundle(), after_root).unwrap_err();
    assert!(matches!(e, CaCertsError::Untrusted(VerifyError::Expired { .. })), "{e}");
}

#[test]
fn a_self_signed_ca_may_be_its_own_root_without_a_chain() {
    let root = CertificateAuthority::new_root("alone", 30 * DAY, now()).unwrap();
    let key = PrivateKey::from_der(root.key().expose_der()).unwrap();
    let bundle = TrustBundle::new([root.certificate().clone()]).unwrap();
    let alone = CaCerts::new(root.certificate().clone(), key, Vec::new(), bundle, now()).unwrap();
    let read = CaCerts::load(read_back(&alone.expose_files()), now()).unwrap().unwrap();
    assert!(read.authority.chain().is_empty() && read.authority.trust_domain().is_none());
    let policy = read.lifetimes(TtlPolicy::default(), now() + 29 * DAY + DAY / 2).unwrap();
    assert_eq!(policy.default, DAY / 2);
}

#[test]
fn istios_makefile_puts_the_root_into_the_chain_and_that_is_well() {
    let openssl = OpenSsl::new();
    openssl.ok("req -x509 -new -newkey rsa:2048 -nodes -keyout root.key -subj /O=Istio/CN=Root-CA -days 3650 -out root.pem -addext keyUsage=critical,digitalSignature,nonRepudiation,keyEncipherment,keyCertSign");
    openssl.ok("req -new -newkey rsa:2048 -nodes -keyout ca.key -subj /O=Istio/CN=Intermediate-CA/L=cluster1 -out ca.csr");
    openssl.write("ext", "basicConstraints=critical,CA:true,pathlen:0\nkeyUsage=critical,digitalSignature,nonRepudiation,keyEncipherment,keyCertSign\nsubjectAltName=DNS:istiod.istio-system.svc");
    openssl.ok(
        "x509 -req -in ca.csr -CA root.pem -CAkey root.key -set_serial 2 -days 730 -extfile ext -out ca.pem",
    );
    let own = openssl.read("ca.pem");
    let made = Certificate::all_from_pem(&own).unwrap()[0].validity().not_before;
    let files = CaCertsFiles {
        cert_chain: Some([own.clone(), openssl.read("root.pem")].concat()),
        ca_cert: Some(own),
        ca_key: Some(Zeroizing::new(openssl.read("ca.key"))),
        root_cert: Some(openssl.read("root.pem")),
    };
    let cacerts = CaCerts::load(files, made + DAY).unwrap().unwrap();
    assert_eq!(cacerts.authority.chain().len(), 2);
    assert_eq!(cacerts.authority.trust_domain(), None);
}

/// A CA as a company's own PKI makes it, from the text of an extension file.
fn plugged_in(openssl: &OpenSsl, extensions: &str) -> (CaCertsFiles, SystemTime) {
    openssl.ok("req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key -subj /O=Company/CN=Root -days 3650 -out root.pem -addext keyUsage=critical,keyCertSign");
    openssl.ok(
        "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -subj /O=Company/CN=Mesh-CA -out ca.csr",
    );
    openssl.write(
        "ext",
        format!(
            "basicConstraints=critical,CA:true,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n{extensions}"
        ),
    );
    openssl.ok(
        "x509 -req -in ca.csr -CA root.pem -CAkey root.key -set_serial 2 -days 730 -extfile ext -out ca.pem",
    );
    let own = openssl.read("ca.pem");
    let made = Certificate::all_from_pem(&own).unwrap()[0].validity().not_before;
    let files = CaCertsFiles {
        cert_chain: Some(own.clone()),
        ca_cert: Some(own),
        ca_key: Some(Zeroizing::new(openssl.read("ca.key"))),
        root_cert: Some(openssl.read("root.pem")),
    };
    (files, made + DAY)
}

#[test]
fn a_ca_that_names_no_trust_domain_is_bound_by_its_holder() {
    let (files, at) = plugged_in(&OpenSsl::new(), "subjectAltName=DNS:istiod.istio-system.svc\n");
    let cacerts = CaCerts::load(files, at).unwrap().unwrap().bound_to(&domain("a.example"), at).unwrap();
    assert!(!cacerts.authority.is_bound_for_verifiers());
    let key = PrivateKey::generate().unwrap();
    let issue = |name| cacerts.authority.issue_workload(key.public_key(), &workload_id(name), DAY, at);
    assert!(issue("a.example").is_ok());
    assert!(matches!(issue("b.example"), Err(IssueError::ForeignTrustDomain { .. })));
}

/// The extensions that docs/security.md recommends.
fn recommended() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/security.md");
    let page = std::fs::read_to_string(page).unwrap();
    let begin = "subjectAltName=URI:spiffe://cluster1.example\n";
    let at = page.find(begin).expect("docs/security.md shows the extensions of a CA of one's own");
    page[at..].split("```").next().unwrap().to_owned()
}

#[test]
fn a_ca_with_the_extensions_that_the_documentation_recommends_is_held_to_its_trust_domain_by_all() {
    let openssl = OpenSsl::new();
    let (files, at) = plugged_in(&openssl, &recommended());
    let cacerts = CaCerts::load(files, at).unwrap().unwrap();
    assert!(cacerts.authority.is_bound_for_verifiers());
    assert_eq!(cacerts.authority.trust_domain(), Some(&domain("cluster1.example")));
    let theirs = crate::issue::only_for_tests(&domain("cluster1.example"));
    let own = cacerts.authority.certificate().name_constraints().unwrap();
    assert_eq!(
        own,
        &crate::certificate::NameConstraints::from_der_for_tests(theirs.content()),
        "the same as those of the CAs that the root CA makes"
    );
    let cacerts = cacerts.bound_to(&domain("cluster1.example"), at).unwrap();
    let key = PrivateKey::generate().unwrap();
    let leaf = cacerts.authority.issue_workload(key.public_key(), &workload_id("cluster1.example"), DAY, at);
    openssl.write("leaf.pem", leaf.unwrap().pem());
    let at = at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    openssl.ok(&format!("verify -x509_strict -attime {at} -CAfile root.pem -untrusted ca.pem leaf.pem"));
}

#[test]
fn constraints_alone_bind_too_and_another_trust_domain_is_refused_at_the_start() {
    let (files, at) = plugged_in(&OpenSsl::new(), "nameConstraints=critical,permitted;URI:a.example\n");
    let load = || {
        CaCerts::load(
            CaCertsFiles {
                ca_cert: files.ca_cert.clone(),
                ca_key: files.ca_key.clone(),
                root_cert: files.root_cert.clone(),
                cert_chain: files.cert_chain.clone(),
            },
            at,
        )
        .unwrap()
        .unwrap()
    };
    assert!(load().bound_to(&domain("a.example"), at).is_ok());
    let e = load().bound_to(&domain("b.example"), at).unwrap_err();
    assert!(matches!(e, CaCertsError::Untrusted(VerifyError::Constrained { .. })), "{e}");
}
