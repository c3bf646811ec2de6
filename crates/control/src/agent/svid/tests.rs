use std::time::{Duration, SystemTime};

use carrick_identity::{CertificateAuthority, PrivateKey, SpiffeId};

use super::*;

fn answer(key: &PrivateKey) -> Vec<String> {
    let (hour, now) = (Duration::from_secs(3600), SystemTime::now());
    let root = CertificateAuthority::new_root("root", hour, now).unwrap();
    let id = SpiffeId::parse("spiffe://a.example/ns/n/sa/s").unwrap();
    let leaf = root.issue_workload(key.public_key(), &id, hour, now).unwrap();
    vec![leaf.pem(), root.certificate().pem()]
}

#[test]
fn an_answer_for_our_key_becomes_an_svid() {
    let key = PrivateKey::generate().unwrap();
    let answer = answer(&key);
    let svid = Svid::from_answer(&key, &answer).unwrap();
    assert_eq!(svid.roots_pem, answer[1]);
    assert_eq!(svid.chain_pem.trim_end(), answer[0].trim_end());
}

#[test]
fn a_certificate_for_another_key_is_refused() {
    let answer = answer(&PrivateKey::generate().unwrap());
    let error = Svid::from_answer(&PrivateKey::generate().unwrap(), &answer).unwrap_err();
    assert!(matches!(error, SvidError::ForeignKey), "{error}");
}

#[test]
fn an_answer_without_roots_or_with_nonsense_is_refused() {
    let key = PrivateKey::generate().unwrap();
    let answer = answer(&key);
    assert!(Svid::from_answer(&key, &answer[..1]).is_err());
    assert!(Svid::from_answer(&key, &[answer[0].clone(), "nonsense".into()]).is_err());
}

#[test]
fn debug_does_not_show_the_key() {
    let key = PrivateKey::generate().unwrap();
    let svid = Svid::from_answer(&key, &answer(&key)).unwrap();
    assert!(!format!("{svid:?}").contains("PRIVATE"));
}
