use super::*;
use crate::openssl::OpenSsl;

#[test]
fn openssl_reads_a_generated_key_as_p256() {
    let openssl = OpenSsl::new();
    let key = PrivateKey::generate().unwrap();
    openssl.write("key.pem", key.expose_pem().as_bytes());
    let said = openssl.ok("pkey -in key.pem -check -noout -text");
    assert!(said.contains("Key is valid") && said.contains("P-256"), "{said}");
}

#[test]
fn pem_as_openssl_writes_it_comes_back_unchanged() {
    let openssl = OpenSsl::new();
    openssl.ok("ecparam -name prime256v1 -genkey -noout -out sec1.pem");
    openssl.ok("genrsa -traditional -out pkcs1.pem 2048");
    openssl.ok("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out pkcs8.pem");
    for (file, label, algorithm) in [
        ("sec1.pem", "EC PRIVATE KEY", "ECDSA P-256"),
        ("pkcs1.pem", "RSA PRIVATE KEY", "RSA"),
        ("pkcs8.pem", "PRIVATE KEY", "ECDSA P-384"),
    ] {
        let pem = openssl.read(file);
        let key = PrivateKey::from_pem(&pem).unwrap();
        assert_eq!(key.public_key().algorithm(), algorithm);
        assert!(key.expose_pem().starts_with(&format!("-----BEGIN {label}-----")));
        assert_eq!(key.expose_pem().as_bytes(), pem, "{file}");
        assert_eq!(PrivateKey::from_der(key.expose_der()).unwrap().public_key(), key.public_key());
    }
}

#[test]
fn kinds_of_keys_that_are_not_accepted_are_named() {
    let openssl = OpenSsl::new();
    openssl.ok("genpkey -algorithm ED25519 -out ed25519.pem");
    openssl.ok("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out p521.pem");
    openssl.ok(
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass pass:secret -out encrypted.pem",
    );
    openssl.ok("genrsa -out small.pem 1024");
    let refusal = |file| PrivateKey::from_pem(&openssl.read(file)).unwrap_err();
    assert!(matches!(refusal("ed25519.pem"), KeyError::Unsupported(_)));
    assert!(matches!(refusal("p521.pem"), KeyError::Unsupported(_)));
    assert!(matches!(refusal("encrypted.pem"), KeyError::NoKey(_)));
    assert!(matches!(refusal("small.pem"), KeyError::Unreadable(_)));
    assert!(refusal("p521.pem").to_string().contains("use ECDSA P-256"));
}

#[test]
fn a_key_does_not_print_itself() {
    let key = PrivateKey::generate().unwrap();
    assert_eq!(format!("{key:?}"), "PrivateKey(ECDSA P-256, secret)");
    assert_eq!(format!("{key:#?}"), "PrivateKey(ECDSA P-256, secret)");
}

#[test]
fn text_without_a_key_is_an_error_that_says_what_to_provide() {
    for pem in ["", "hello", "-----BEGIN PRIVATE KEY-----\n!!!\n-----END PRIVATE KEY-----\n"] {
        let e = PrivateKey::from_pem(pem.as_bytes()).unwrap_err();
        assert!(e.to_string().contains("PRIVATE KEY"), "{e}");
    }
    let garbage = pem_block("PRIVATE KEY", b"not a key");
    assert!(matches!(PrivateKey::from_pem(garbage.as_bytes()), Err(KeyError::Unreadable(_))));
}

#[test]
fn a_key_can_be_shared_between_threads() {
    let key = std::sync::Arc::new(PrivateKey::generate().unwrap());
    let other = key.clone();
    let read = std::thread::spawn(move || other.public_key().clone()).join().unwrap();
    assert_eq!(&read, key.public_key());
}
