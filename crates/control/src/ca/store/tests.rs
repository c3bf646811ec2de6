use std::time::Duration;

use carrick_identity::issue::IssueError;
use carrick_identity::{CertificateAuthority, SpiffeId};

use super::*;

/// A cluster that can open its CA and not enrol.
fn alone(dir: &tempfile::TempDir) -> Enrolment {
    let root = RootClient { socket: "/no/such/socket".into() };
    Enrolment { dir: dir.path().join("cacerts"), root, token: None }
}

/// The folder of a CA that was not made by Carrick's root and names no trust domain.
fn plugged_in() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let ca =
        CertificateAuthority::new_root("company", Duration::from_secs(86_400), SystemTime::now()).unwrap();
    let bundle = TrustBundle::new([ca.certificate().clone()]).unwrap();
    let key = PrivateKey::from_der(ca.key().expose_der()).unwrap();
    let certs = CaCerts::new(ca.certificate().clone(), key, Vec::new(), bundle, SystemTime::now()).unwrap();
    store(&dir.path().join("cacerts"), &certs).unwrap();
    dir
}

#[tokio::test]
async fn a_ca_that_names_no_trust_domain_issues_for_the_clusters_alone() {
    let dir = plugged_in();
    let domain = TrustDomain::new("a.example").unwrap();
    let certs = load_or_enrol(&alone(&dir), &domain).await.unwrap();
    let key = PrivateKey::generate().unwrap();
    let issue = |id: &str| {
        let id = SpiffeId::parse(id).unwrap();
        certs.authority.issue_workload(key.public_key(), &id, Duration::from_secs(60), SystemTime::now())
    };
    assert!(issue("spiffe://a.example/ns/x/sa/y").is_ok());
    let refused = issue("spiffe://b.example/ns/x/sa/y");
    assert!(matches!(refused, Err(IssueError::ForeignTrustDomain { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_ca_that_names_no_trust_domain_follows_an_edit_without_being_enrolled() {
    let dir = plugged_in();
    for domain in ["a.example", "b.example"] {
        let domain = TrustDomain::new(domain).unwrap();
        let certs = load_or_enrol(&alone(&dir), &domain).await.unwrap();
        assert!(is_for(&certs, &domain));
    }
}

#[tokio::test]
async fn whoever_calls_can_tell_a_damaged_ca_from_none() {
    let domain = TrustDomain::new("a.example").unwrap();
    let none = tempfile::tempdir().unwrap();
    let refused = load_or_enrol(&alone(&none), &domain).await;
    assert!(matches!(refused, Err(CaError::NoToken { .. })), "{refused:?}");

    let damaged = plugged_in();
    std::fs::write(damaged.path().join("cacerts").join(CA_KEY), "half a k").unwrap();
    let refused = load_or_enrol(&alone(&damaged), &domain).await;
    assert!(matches!(refused, Err(CaError::Damaged { .. })), "{refused:?}");

    let partial = plugged_in();
    std::fs::remove_file(partial.path().join("cacerts").join(ROOT_CERT)).unwrap();
    let refused = load_or_enrol(&alone(&partial), &domain).await;
    assert!(matches!(refused, Err(CaError::Damaged { .. })), "{refused:?}");
}
