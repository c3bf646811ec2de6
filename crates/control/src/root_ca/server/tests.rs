use carrick_identity::{Certificate, PrivateKey, TrustDomain, csr};

use super::*;

fn store() -> (tempfile::TempDir, RootStore) {
    let dir = tempfile::tempdir().unwrap();
    let store =
        RootStore::init(&dir.path().join("root"), "test", Duration::from_secs(86_400), SystemTime::now())
            .unwrap();
    (dir, store)
}

fn request(token: &str, domain: &str) -> SignClusterCaRequest {
    let csr = csr::make_request(&PrivateKey::generate().unwrap(), None).unwrap();
    SignClusterCaRequest { token: token.into(), csr, validity_seconds: 0, trust_domain: domain.into() }
}

#[test]
fn a_token_gets_one_cluster_ca_bound_to_its_trust_domain() {
    let (_dir, store) = store();
    let token = store.issue_token(&TrustDomain::new("a.example").unwrap(), Duration::from_secs(60)).unwrap();
    let answer = sign(&store, &request(token.expose(), "a.example")).unwrap();
    let ca = Certificate::all_from_pem(answer.certificate.as_bytes()).unwrap();
    assert_eq!(ca[0].names().uris, ["spiffe://a.example"]);
    assert_eq!(answer.roots, [store.authority().certificate().pem()]);

    let again = sign(&store, &request(token.expose(), "a.example")).unwrap_err();
    assert_eq!(again.code(), tonic::Code::PermissionDenied);
}

#[test]
fn a_malformed_request_does_not_cost_the_token() {
    let (_dir, store) = store();
    let token = store.issue_token(&TrustDomain::new("a.example").unwrap(), Duration::from_secs(60)).unwrap();
    let broken = SignClusterCaRequest { csr: "nonsense".into(), ..request(token.expose(), "a.example") };
    assert_eq!(sign(&store, &broken).unwrap_err().code(), tonic::Code::InvalidArgument);
    sign(&store, &request(token.expose(), "a.example")).unwrap();
}

#[test]
fn a_root_is_never_made_over_another_and_opens_as_it_was_made() {
    let (dir, store) = store();
    let folder = dir.path().join("root");
    assert!(RootStore::init(&folder, "test", Duration::from_secs(60), SystemTime::now()).is_err());
    let opened = RootStore::open(&folder).unwrap();
    assert_eq!(opened.authority().certificate(), store.authority().certificate());
}
