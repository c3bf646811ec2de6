use super::*;
use crate::key::PrivateKey;
use crate::scene::{DAY, Mesh, domain, now};
use std::collections::HashSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const HOUR: Duration = Duration::from_secs(3600);

fn one() -> (Ledger, TokenId, EnrolmentToken) {
    let mut ledger = Ledger::default();
    let (token, entry) = Ledger::make_token(&domain("a"), HOUR, now()).unwrap();
    ledger.apply(entry).unwrap();
    let id = ledger.tokens()[0].id.clone();
    (ledger, id, token)
}

fn key() -> PrivateKey {
    PrivateKey::generate().unwrap()
}

/// Signs as a root CA does; gives the serial.
fn sign(
    ledger: &mut Ledger,
    token: &str,
    claimed: &str,
    key: &PrivateKey,
    now: SystemTime,
) -> Result<String, EnrolmentError> {
    let grant = match ledger.answer(token, &domain(claimed), key.public_key(), now)? {
        Answer::Again(issued) => return Ok(issued.serial.clone()),
        Answer::Sign(grant) => grant,
    };
    let root = Mesh::new().root;
    let certificate = root.issue_cluster_ca(key.public_key(), &grant.trust_domain, DAY, now).unwrap();
    let issued = IssuedCa::of(&grant, &certificate, key.public_key(), now);
    ledger.apply(Entry::Certificate(issued)).unwrap();
    Ok(certificate.serial().to_owned())
}

#[test]
fn a_token_is_good_for_one_key_which_gets_the_same_certificate_as_often_as_it_asks() {
    let (mut ledger, id, token) = one();
    let first = key();
    let serial = sign(&mut ledger, token.expose(), "a", &first, now()).unwrap();
    // Also when the token would have expired: the answer may have been lost.
    assert_eq!(sign(&mut ledger, token.expose(), "a", &first, now() + 2 * HOUR), Ok(serial));
    assert_eq!(ledger.issued().len(), 1);
    let used = sign(&mut ledger, token.expose(), "a", &key(), now()).unwrap_err();
    assert_eq!(used, EnrolmentError::Used { id: id.clone(), at: "2027-01-15T08:00:00Z".to_owned() });
    let late = sign(&mut ledger, token.expose(), "a", &first, now() + 2 * DAY).unwrap_err();
    assert!(matches!(late, EnrolmentError::CertificateExpired { .. }), "{late}");
}

#[test]
fn a_token_is_good_for_its_own_trust_domain_only_and_a_wrong_claim_does_not_burn_it() {
    let (mut ledger, _, token) = one();
    let e = sign(&mut ledger, token.expose(), "b", &key(), now()).unwrap_err();
    assert!(matches!(e, EnrolmentError::OtherTrustDomain { .. }), "{e}");
    assert!(sign(&mut ledger, token.expose(), "a", &key(), now()).is_ok());
}

#[test]
fn a_token_expires() {
    let (ledger, _, token) = one();
    let at = |time| sign(&mut ledger.clone(), token.expose(), "a", &key(), time);
    let e = at(now() + HOUR + Duration::from_secs(1)).unwrap_err();
    assert!(matches!(e, EnrolmentError::Expired { .. }), "{e}");
    assert!(at(now() + HOUR).is_ok());
    assert!(at(UNIX_EPOCH - DAY).is_err(), "a broken clock");
    assert_eq!(ledger.tokens()[0].state(now()), TokenState::Unused);
    assert_eq!(ledger.tokens()[0].state(now() + DAY), TokenState::Expired);
}

#[test]
fn a_revoked_token_is_good_for_nothing_any_more() {
    let (mut ledger, id, token) = one();
    let revoked = Entry::TokenRevoked { at: 1, token: id.clone() };
    let mut used = ledger.clone();
    let first = key();
    sign(&mut used, token.expose(), "a", &first, now()).unwrap();
    for ledger in [&mut ledger, &mut used] {
        ledger.apply(revoked.clone()).unwrap();
        assert_eq!(ledger.tokens()[0].state(now()), TokenState::Revoked);
        let e = sign(ledger, token.expose(), "a", &first, now()).unwrap_err();
        assert_eq!(e, EnrolmentError::Revoked { id: id.clone() });
    }
    let unknown: TokenId = "0123456789abcdef".parse().unwrap();
    let e = ledger.apply(Entry::TokenRevoked { at: 1, token: unknown.clone() }).unwrap_err();
    assert_eq!(e, LedgerError::NoToken(unknown));
}

#[test]
fn a_revoked_ca_gets_neither_its_certificate_again_nor_another_for_its_key() {
    let (mut ledger, _, token) = one();
    let first = key();
    let serial = sign(&mut ledger, token.expose(), "a", &first, now()).unwrap();
    ledger.apply(Entry::CertificateRevoked { at: 5, serial: serial.clone() }).unwrap();
    let (second, entry) = Ledger::make_token(&domain("a"), HOUR, now()).unwrap();
    ledger.apply(entry).unwrap();
    for token in [&token, &second] {
        let e = sign(&mut ledger, token.expose(), "a", &first, now()).unwrap_err();
        assert!(matches!(&e, EnrolmentError::CaRevoked { serial: s, .. } if *s == serial), "{e}");
    }
    assert!(sign(&mut ledger, second.expose(), "a", &key(), now()).is_ok(), "with a new key");
    let e = ledger.apply(Entry::CertificateRevoked { at: 5, serial: "ff".into() }).unwrap_err();
    assert_eq!(e, LedgerError::NoCertificate("ff".into()));
}

#[test]
fn entries_that_do_not_follow_are_refused() {
    let (mut ledger, id, token) = one();
    let Entry::Token { at, hash, trust_domain, expires } =
        Ledger::make_token(&domain("a"), HOUR, now()).unwrap().1
    else {
        panic!("a token's entry")
    };
    let entry = Entry::Token { at, hash, trust_domain, expires };
    ledger.apply(entry.clone()).unwrap();
    assert!(matches!(ledger.apply(entry), Err(LedgerError::TokenTwice(_))));
    sign(&mut ledger, token.expose(), "a", &key(), now()).unwrap();
    let again = Entry::Certificate(ledger.issued()[0].clone());
    assert_eq!(ledger.apply(again), Err(LedgerError::TokenSpent(id)));
}

#[test]
fn guesses_and_garbage_are_unknown() {
    let (mut ledger, id, token) = one();
    let longer = format!("{}A", token.expose());
    let padded = format!("{}=", token.expose());
    for guess in
        ["", "x", &token.expose()[1..], &longer, &padded, &id.to_string(), "\0", &"a".repeat(1 << 20)]
    {
        assert_eq!(sign(&mut ledger, guess, "a", &key(), now()), Err(EnrolmentError::Unknown));
    }
}

#[test]
fn the_token_is_neither_stored_nor_printed() {
    let (mut ledger, _, token) = one();
    let used = sign(&mut ledger.clone(), token.expose(), "b", &key(), now()).unwrap_err();
    sign(&mut ledger, token.expose(), "a", &key(), now()).unwrap();
    let stored = serde_json::to_string(&Entry::Certificate(ledger.issued()[0].clone())).unwrap();
    for text in [&stored, &format!("{ledger:?}"), &format!("{token:?}"), &used.to_string()] {
        assert!(!text.contains(token.expose()), "{text}");
    }
    assert_eq!(format!("{token:?}"), "EnrolmentToken(secret)");
}

#[test]
fn entries_read_back_as_they_were_written() {
    let (mut ledger, id, token) = one();
    sign(&mut ledger, token.expose(), "a", &key(), now()).unwrap();
    let entries = [
        Entry::Policy { at: 1, max_lifetime: 2 },
        Ledger::make_token(&domain("a"), HOUR, now()).unwrap().1,
        Entry::Certificate(ledger.issued()[0].clone()),
        Entry::TokenRevoked { at: 3, token: id },
        Entry::CertificateRevoked { at: 4, serial: "0a".into() },
    ];
    for entry in entries {
        let text = serde_json::to_string(&entry).unwrap();
        assert!(!text.contains('\n'), "{text}");
        assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), entry);
    }
}

#[test]
fn the_policy_is_the_last_one_that_was_written_down() {
    let mut ledger = Ledger::default();
    assert_eq!(ledger.max_lifetime(), 365 * DAY);
    for max_lifetime in [100, 50] {
        ledger.apply(Entry::Policy { at: 1, max_lifetime }).unwrap();
        assert_eq!(ledger.max_lifetime(), Duration::from_secs(max_lifetime));
    }
}

#[test]
fn tokens_are_256_random_bits_in_base64url() {
    let make = || Ledger::make_token(&domain("a"), HOUR, now()).unwrap().0.expose().to_owned();
    let made: HashSet<String> = (0..200).map(|_| make()).collect();
    assert_eq!(made.len(), 200);
    assert!(made.iter().all(|token| URL_SAFE_NO_PAD.decode(token).unwrap().len() == 32));
    let e = Ledger::make_token(&domain("a"), Duration::MAX, now()).unwrap_err();
    assert!(matches!(e, EnrolmentError::Dates(_)), "{e}");
}

#[test]
fn names_of_tokens_are_read_strictly() {
    assert_eq!("0123456789ABCDEF".parse::<TokenId>().unwrap().to_string(), "0123456789abcdef");
    for text in ["", "0123456789abcde", "0123456789abcdef0", "0123456789abcdeg"] {
        assert!(text.parse::<TokenId>().is_err(), "{text}");
    }
}
