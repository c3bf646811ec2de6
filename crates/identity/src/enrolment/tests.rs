use super::*;
use crate::scene::{DAY, domain, now};
use std::collections::HashSet;

const HOUR: Duration = Duration::from_secs(3600);

fn one() -> (EnrolmentTokens, TokenId, EnrolmentToken) {
    let mut tokens = EnrolmentTokens::default();
    let (id, token) = tokens.create(&domain("a"), HOUR, now()).unwrap();
    (tokens, id, token)
}

#[test]
fn a_token_is_good_once() {
    let (mut tokens, id, token) = one();
    let grant = tokens.consume(token.expose(), &domain("a"), now()).unwrap();
    assert_eq!(grant, Grant { id: id.clone(), trust_domain: domain("a") });
    let again = tokens.consume(token.expose(), &domain("a"), now()).unwrap_err();
    assert_eq!(again, EnrolmentError::Used { id, at: "2027-01-15T08:00:00Z".to_owned() });
}

#[test]
fn a_token_is_good_for_its_own_trust_domain_only_and_a_wrong_claim_does_not_burn_it() {
    let (mut tokens, _, token) = one();
    let e = tokens.consume(token.expose(), &domain("b"), now()).unwrap_err();
    assert!(matches!(e, EnrolmentError::OtherTrustDomain { .. }), "{e}");
    assert!(tokens.consume(token.expose(), &domain("a"), now()).is_ok());
}

#[test]
fn a_token_expires() {
    let (mut tokens, _, token) = one();
    let e = tokens.consume(token.expose(), &domain("a"), now() + HOUR + Duration::from_secs(1)).unwrap_err();
    assert!(matches!(e, EnrolmentError::Expired { .. }), "{e}");
    assert!(tokens.clone().consume(token.expose(), &domain("a"), now() + HOUR).is_ok());
    assert!(
        tokens.clone().consume(token.expose(), &domain("a"), UNIX_EPOCH - DAY).is_err(),
        "a broken clock"
    );

    tokens.forget_expired(now() + HOUR);
    assert_eq!(tokens.usable(now()).count(), 1);
    tokens.forget_expired(now() + DAY);
    assert_eq!(tokens.consume(token.expose(), &domain("a"), now()), Err(EnrolmentError::Unknown));
}

#[test]
fn a_token_can_be_revoked_while_it_is_unused() {
    let (mut tokens, id, token) = one();
    assert!(tokens.revoke(&id));
    assert_eq!(
        tokens.consume(token.expose(), &domain("a"), now()),
        Err(EnrolmentError::Revoked { id: id.clone() })
    );
    assert!(!tokens.revoke(&id));
    let (mut tokens, id, token) = one();
    tokens.consume(token.expose(), &domain("a"), now()).unwrap();
    assert!(!tokens.revoke(&id), "what was used stays known as used");
}

#[test]
fn guesses_and_garbage_are_unknown() {
    let (mut tokens, id, token) = one();
    let longer = format!("{}A", token.expose());
    let padded = format!("{}=", token.expose());
    for guess in
        ["", "x", &token.expose()[1..], &longer, &padded, &id.to_string(), "\0", &"a".repeat(1 << 20)]
    {
        assert_eq!(tokens.consume(guess, &domain("a"), now()), Err(EnrolmentError::Unknown));
    }
}

#[test]
fn the_token_is_neither_stored_nor_printed() {
    let (mut tokens, _, token) = one();
    let used = tokens.clone().consume(token.expose(), &domain("b"), now()).unwrap_err();
    tokens.consume(token.expose(), &domain("a"), now()).unwrap();
    let stored = serde_json::to_string(&tokens).unwrap();
    for text in [&stored, &format!("{tokens:?}"), &format!("{token:?}"), &used.to_string()] {
        assert!(!text.contains(token.expose()), "{text}");
    }
    assert_eq!(format!("{token:?}"), "EnrolmentToken(secret)");
}

#[test]
fn a_used_token_stays_used_after_a_restart() {
    let (mut tokens, _, token) = one();
    tokens.consume(token.expose(), &domain("a"), now()).unwrap();
    let mut restarted: EnrolmentTokens =
        serde_json::from_str(&serde_json::to_string(&tokens).unwrap()).unwrap();
    assert_eq!(restarted, tokens);
    let e = restarted.consume(token.expose(), &domain("a"), now()).unwrap_err();
    assert!(matches!(e, EnrolmentError::Used { .. }));
}

#[test]
fn tokens_are_256_random_bits_in_base64url() {
    let mut tokens = EnrolmentTokens::default();
    let made: HashSet<String> =
        (0..200).map(|_| tokens.create(&domain("a"), HOUR, now()).unwrap().1.expose().to_owned()).collect();
    assert_eq!(made.len(), 200);
    assert!(made.iter().all(|token| URL_SAFE_NO_PAD.decode(token).unwrap().len() == 32));
    assert_eq!(tokens.usable(now()).count(), 200);
    assert!(matches!(tokens.create(&domain("a"), Duration::MAX, now()), Err(EnrolmentError::Dates(_))));
}
