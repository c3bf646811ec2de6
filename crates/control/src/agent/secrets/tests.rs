use std::time::SystemTime;

use carrick_identity::Validity;

use super::*;

fn svid() -> Svid {
    let now = SystemTime::now();
    Svid {
        chain_pem: "chain".into(),
        key_pem: "key".into(),
        roots_pem: "roots".into(),
        validity: Validity { not_before: now, not_after: now },
        serial: "1".into(),
    }
}

fn text(source: Option<DataSource>) -> String {
    match source.and_then(|source| source.specifier) {
        Some(Specifier::InlineBytes(bytes)) => String::from_utf8(bytes).unwrap(),
        other => panic!("not inline: {other:?}"),
    }
}

fn certificate_of(name: &str) -> (String, String) {
    match find(name, &svid()).unwrap().r#type {
        Some(Type::TlsCertificate(certificate)) => {
            (text(certificate.certificate_chain), text(certificate.private_key))
        }
        other => panic!("not a certificate: {other:?}"),
    }
}

fn roots_of(name: &str) -> String {
    match find(name, &svid()).unwrap().r#type {
        Some(Type::ValidationContext(context)) => text(context.trusted_ca),
        other => panic!("no roots: {other:?}"),
    }
}

#[test]
fn the_workload_has_its_certificate_under_new_and_old_names() {
    let own = ("chain".to_owned(), "key".to_owned());
    assert_eq!(certificate_of("default"), own);
    assert_eq!(certificate_of("file-cert:/etc/certs/cert-chain.pem~/etc/certs/key.pem"), own);
    assert_eq!(roots_of("ROOTCA"), "roots");
    assert_eq!(roots_of("file-root:/etc/certs/root-cert.pem"), "roots");
}

#[test]
fn other_files_are_read_where_the_agent_is() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("partner.pem");
    std::fs::write(&file, "partner").unwrap();
    assert_eq!(roots_of(&format!("file-root:{}", file.display())), "partner");
    let missing = find("file-root:/nowhere.pem", &svid()).unwrap_err();
    assert!(missing.contains("/nowhere.pem"), "{missing}");
}

#[test]
fn unknown_names_are_refused() {
    assert!(find("kubernetes://gateway", &svid()).is_err());
    assert!(find("file-cert:/etc/certs/cert-chain.pem", &svid()).is_err());
}
