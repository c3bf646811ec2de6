use super::*;
use crate::key::PrivateKey;
use crate::openssl::OpenSsl;
use crate::scene::{DAY, Mesh, forge, now, workload_id};
use proptest::prelude::*;
use rcgen::{CertificateParams, CustomExtension, IsCa};
use std::sync::LazyLock;

#[test]
fn a_certificate_says_what_openssl_wrote_into_it() {
    let openssl = OpenSsl::new();
    openssl.ok(
        "req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -subj /O=Shop/CN=shop -set_serial 0x0a1b2c -days 10 -out c.pem \
         -addext subjectAltName=DNS:shop.example,DNS:*.shop.example,IP:10.0.0.1,IP:2001:db8::1,email:ops@shop.example,URI:https://shop.example/ \
         -addext basicConstraints=critical,CA:TRUE,pathlen:3 -addext keyUsage=keyCertSign",
    );
    let certificate = Certificate::all_from_pem(&openssl.read("c.pem")).unwrap().remove(0);
    assert_eq!(certificate.subject(), "O=Shop, CN=shop");
    assert_eq!(certificate.serial(), "0a1b2c");
    assert_eq!(certificate.names().dns_names, ["shop.example", "*.shop.example"]);
    assert_eq!(
        certificate.names().ips,
        ["10.0.0.1".parse::<IpAddr>().unwrap(), "2001:db8::1".parse().unwrap()]
    );
    assert_eq!(certificate.names().emails, ["ops@shop.example"]);
    assert_eq!(certificate.names().uris, ["https://shop.example/"]);
    assert_eq!(certificate.ca(), CaRole::Authority { path_len: Some(3) });
    assert_eq!(certificate.validity().lifetime(), 10 * DAY);
    assert!(certificate.key_usage().unwrap().key_cert_sign && !certificate.key_usage().unwrap().crl_sign);
    assert!(certificate.is_self_issued());
    assert_eq!(certificate.spiffe_id(), Ok(None));
    assert_eq!(certificate.pem().as_bytes(), openssl.read("c.pem"));
    let fingerprint =
        openssl.ok("x509 -in c.pem -noout -fingerprint -sha256").replace(':', "").to_lowercase();
    assert!(fingerprint.contains(&certificate.fingerprint()), "{fingerprint}");
}

#[test]
fn a_certificate_is_called_by_its_identity_or_else_its_subject() {
    let mesh = Mesh::new();
    let key = PrivateKey::generate().unwrap();
    let leaf = mesh.cluster("a").issue_workload(key.public_key(), &workload_id("a"), DAY, now()).unwrap();
    assert!(leaf.to_string().starts_with("\"spiffe://a/ns/ns2/sa/server\" (serial "), "{leaf}");
    assert!(mesh.root.certificate().to_string().starts_with("\"O=Carrick, CN=Carrick root CA\""));
}

#[test]
fn constraints_and_names_that_cannot_be_read_are_not_taken_for_absent() {
    let mesh = Mesh::new();
    let key = PrivateKey::generate().unwrap();
    let with = |shape: &dyn Fn(&mut CertificateParams)| -> CertificateError {
        let mut params = CertificateParams::default();
        shape(&mut params);
        let issuer =
            rcgen::Issuer::from_ca_cert_der(mesh.root.certificate().der(), mesh.root.key().pair()).unwrap();
        let signed = params.signed_by(key.pair(), &issuer).unwrap();
        Certificate::from_der(signed.der().clone()).unwrap_err()
    };
    let extension = |oid: &[u64], content: &[u8]| CustomExtension::from_oid_content(oid, content.to_vec());
    let (san, constraints) = ([2, 5, 29, 17], [2, 5, 29, 19]);

    let e = with(&|p| p.custom_extensions.push(extension(&constraints, b"\x30\x05\x01")));
    assert!(e.to_string().contains("2.5.29.19 cannot be read"), "{e}");
    let e = with(&|p| {
        p.is_ca = IsCa::ExplicitNoCa;
        p.custom_extensions.push(extension(&constraints, b"\x30\x03\x01\x01\xff"));
    });
    assert!(e.to_string().contains("twice"), "{e}");
    let e = with(&|p| p.custom_extensions.push(extension(&san, b"\x30\x06\x86\x04td\0x")));
    assert!(e.to_string().contains("outside printable ASCII"), "{e}");
    let e = with(&|p| p.custom_extensions.push(extension(&san, b"\x30\x04\x86\x02\xff\xfe")));
    assert!(e.to_string().contains("tag 6"), "{e}");
    let e = with(&|p| p.custom_extensions.push(extension(&san, b"\x30\x05\x87\x03\x01\x02\x03")));
    assert!(e.to_string().contains("3 bytes instead of 4 or 16"), "{e}");
}

#[test]
fn a_dns_name_is_a_host_name() {
    let mesh = Mesh::new();
    let key = PrivateKey::generate().unwrap();
    let with = |name: &[u8]| {
        let san = [&[0x30, name.len() as u8 + 2, 0x82, name.len() as u8], name].concat();
        let mut params = CertificateParams::default();
        params.custom_extensions.push(CustomExtension::from_oid_content(&[2, 5, 29, 17], san));
        let issuer =
            rcgen::Issuer::from_ca_cert_der(mesh.root.certificate().der(), mesh.root.key().pair()).unwrap();
        Certificate::from_der(params.signed_by(key.pair(), &issuer).unwrap().der().clone())
    };
    for good in ["localhost", "a.example", "*.a.example", "_x.A-b.example", "xn--bcher-kva.example", "1.2"] {
        assert_eq!(with(good.as_bytes()).unwrap().names().dns_names, [good]);
    }
    let long = [b'a'; 64];
    for bad in [
        &b"spiffe://victim.example/ns/ns2/sa/admin"[..],
        b"",
        b".",
        b"*",
        b"*.",
        b"a.",
        b".a",
        b"a..b",
        b"a*.example",
        b"a.*.example",
        b"*.*.example",
        b"a b",
        b"a/b",
        b"a:80",
        b"a@b",
        b"a,b",
        b"a;URI=spiffe:",
        b"a%2eb",
        b"a\0.b",
        "b\u{fc}cher.example".as_bytes(),
        &long,
    ] {
        assert!(with(bad).is_err(), "{}", String::from_utf8_lossy(bad));
    }
}

#[test]
fn a_spiffe_uri_in_any_case_is_held_to_the_strict_rules() {
    let ca = Mesh::new().root;
    let key = PrivateKey::generate().unwrap();
    let named = |uris: &[&str]| forge(&ca, &key, uris, |_| ()).spiffe_id();
    assert_eq!(named(&["https://x/"]), Ok(None));
    assert_eq!(named(&["spiffe://a/b"]).unwrap().unwrap().uri(), "spiffe://a/b");
    assert!(matches!(named(&["SPIFFE://a/b"]), Err(SpiffeNameError::Malformed(_))));
    assert!(matches!(named(&["spiffe:a"]), Err(SpiffeNameError::Malformed(_))));
    assert_eq!(named(&["spiffe://a/b", "https://x/"]), Err(SpiffeNameError::Several(2)));
    assert_eq!(named(&["https://x/", "Spiffe://a/b"]), Err(SpiffeNameError::Several(2)));
}

#[test]
fn pem_without_certificates_is_an_error() {
    assert_eq!(Certificate::all_from_pem(b"hello"), Err(CertificateError::NoCertificate));
    let key = PrivateKey::generate().unwrap();
    assert_eq!(Certificate::all_from_pem(key.expose_pem().as_bytes()), Err(CertificateError::NoCertificate));
    let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n";
    assert!(matches!(Certificate::all_from_pem(cut.as_bytes()), Err(CertificateError::Pem(_))));
    let huge = vec![0u8; MAX_CERTIFICATE + 1];
    assert!(matches!(Certificate::from_der(huge), Err(CertificateError::Malformed(_))));
}

static SAMPLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let key = PrivateKey::generate().unwrap();
    let ca = Mesh::new().cluster("a");
    ca.issue_workload(key.public_key(), &workload_id("a"), DAY, now()).unwrap().der().to_vec()
});

proptest! {
    #[test]
    fn damaged_certificates_never_panic(at in any::<prop::sample::Index>(), with in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut der = SAMPLE.clone();
        let at = at.index(der.len());
        der[at] = with;
        let _ = Certificate::from_der(der.clone());
        der.truncate(cut.index(der.len()));
        prop_assert!(Certificate::from_der(der).is_err());
    }
}
