use std::time::Duration;

use carrick_identity::{Certificate, PrivateKey, TrustDomain, csr};

use super::*;

const DAY: Duration = Duration::from_secs(86_400);

fn store() -> (tempfile::TempDir, RootStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = RootStore::init(&dir.path().join("root"), "test", DAY, DAY, SystemTime::now()).unwrap();
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
fn the_same_request_gets_the_same_certificate_also_from_a_root_that_was_started_again() {
    let (dir, store) = store();
    let token = store.issue_token(&TrustDomain::new("a.example").unwrap(), Duration::from_secs(60)).unwrap();
    let request = request(token.expose(), "a.example");
    let answer = sign(&store, &request).unwrap();
    let restarted = RootStore::open(&dir.path().join("root")).unwrap();
    assert_eq!(sign(&restarted, &request).unwrap(), answer);
    assert_eq!(restarted.ledger().unwrap().issued().len(), 1);
}

#[test]
fn the_roots_policy_bounds_the_lifetime_whatever_is_asked_for() {
    let (_dir, store) = store();
    let domain = TrustDomain::new("a.example").unwrap();
    store.set_max_lifetime(Duration::from_secs(3600)).unwrap();
    let token = store.issue_token(&domain, Duration::from_secs(60)).unwrap();
    let asks =
        |seconds| SignClusterCaRequest { validity_seconds: seconds, ..request(token.expose(), "a.example") };
    for seconds in [3601, 10 * 365 * 86_400, i64::MAX] {
        let refusal = sign(&store, &asks(seconds)).unwrap_err();
        assert_eq!(refusal.code(), tonic::Code::InvalidArgument, "{refusal}");
        assert!(refusal.message().contains("above the maximum of 3600 s"), "{refusal}");
    }
    // A refusal costs no token; what names none gets what there is, and so does nonsense.
    let answer = sign(&store, &asks(-5)).unwrap();
    let ca = Certificate::all_from_pem(answer.certificate.as_bytes()).unwrap();
    let left = ca[0].validity().remaining(SystemTime::now());
    assert!(left <= Duration::from_secs(3600) && left > Duration::from_secs(3500), "{left:?}");
}

#[test]
fn of_a_hundred_racers_with_one_token_one_wins() {
    let (_dir, store) = store();
    let token = store.issue_token(&TrustDomain::new("a.example").unwrap(), Duration::from_secs(60)).unwrap();
    let won = std::thread::scope(|scope| {
        let race = || sign(&store, &request(token.expose(), "a.example")).is_ok();
        let racers: Vec<_> = (0..100).map(|_| scope.spawn(race)).collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).filter(|won| *won).count()
    });
    assert_eq!((won, store.ledger().unwrap().issued().len()), (1, 1));
}

#[test]
fn a_record_that_cannot_be_written_refuses_and_may_be_asked_again() {
    let (dir, store) = store();
    let token = store.issue_token(&TrustDomain::new("a.example").unwrap(), Duration::from_secs(60)).unwrap();
    let request = request(token.expose(), "a.example");
    let (folder, away) = (dir.path().join("root"), dir.path().join("away"));
    std::fs::rename(&folder, &away).unwrap();
    let refusal = sign(&store, &request).unwrap_err();
    assert_eq!(refusal.code(), tonic::Code::Unavailable, "{refusal}");
    std::fs::rename(&away, &folder).unwrap();
    sign(&store, &request).unwrap();
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
    assert!(RootStore::init(&folder, "test", DAY, DAY, SystemTime::now()).is_err());
    let opened = RootStore::open(&folder).unwrap();
    assert_eq!(opened.authority().certificate(), store.authority().certificate());
}
