//! An enrolment token: nothing but the one that was made is accepted.
#![no_main]

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use carrick_identity::enrolment::{Answer, Ledger};
use carrick_identity::{PrivateKey, TrustDomain};
use libfuzzer_sys::fuzz_target;

static KEY: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::generate().expect("randomness"));

fuzz_target!(|text: &str| {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let domain = TrustDomain::new("cluster1.example").expect("a valid name");
    let mut ledger = Ledger::default();
    let (token, entry) =
        Ledger::make_token(&domain, Duration::from_secs(60), now).expect("randomness");
    ledger.apply(entry).expect("a record that was just made");
    if text != token.expose() {
        let answer = ledger.answer(text, &domain, KEY.public_key(), now);
        assert!(answer.is_err(), "accepted a token that was never made");
    }
    let answer = ledger.answer(token.expose(), &domain, KEY.public_key(), now);
    assert!(matches!(answer, Ok(Answer::Sign(_))));
});
