use super::*;
use crate::openssl::OpenSsl;
use crate::scene::Mesh;

#[test]
fn a_bundle_is_a_set_whatever_the_order_in_which_it_was_made() {
    let roots: Vec<_> = (0..4).map(|_| Mesh::new().root.certificate().clone()).collect();
    let forwards = TrustBundle::new(roots.clone()).unwrap();
    let backwards = TrustBundle::new(roots.iter().rev().chain(&roots).cloned()).unwrap();
    assert_eq!(forwards, backwards);
    assert_eq!(forwards.pem(), backwards.pem());
    assert_eq!(forwards.certificates().count(), 4);
    assert_eq!(forwards.ders().len(), 4);

    let (first, rest) = roots.split_at(2);
    let merged = TrustBundle::new(first.to_vec()).unwrap().merge(TrustBundle::new(rest.to_vec()).unwrap());
    assert_eq!(merged, forwards);
    assert_eq!(merged.clone().merge(forwards), merged);
    assert!(roots.iter().all(|root| merged.contains(root)));
}

#[test]
fn openssl_counts_the_same_certificates_in_the_pem_text() {
    let openssl = OpenSsl::new();
    let bundle = Mesh::new().bundle().merge(Mesh::new().bundle());
    openssl.write("bundle.pem", bundle.pem());
    let said = openssl.ok("storeutl -noout -certs bundle.pem");
    assert!(said.contains("Total found: 2"), "{said}");
    assert_eq!(TrustBundle::from_pem(bundle.pem().as_bytes()), Ok(bundle));
}

#[test]
fn a_bundle_needs_at_least_one_root() {
    assert_eq!(TrustBundle::from_pem(b"# none yet\n"), Err(CertificateError::NoCertificate));
    assert!(TrustBundle::default().is_empty());
}
