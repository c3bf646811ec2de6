//! An enrolment token: nothing but the one that was made is accepted, and that one exactly once.
#![no_main]

use std::time::{Duration, SystemTime};

use carrick_identity::TrustDomain;
use carrick_identity::enrolment::EnrolmentTokens;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let domain = TrustDomain::new("cluster1.example").expect("a valid name");
    let mut tokens = EnrolmentTokens::default();
    let (_, token) = tokens.create(&domain, Duration::from_secs(60), now).expect("randomness");
    if text != token.expose() {
        assert!(tokens.consume(text, &domain, now).is_err(), "accepted a token that was never made");
    }
    assert!(tokens.consume(token.expose(), &domain, now).is_ok());
    assert!(tokens.consume(token.expose(), &domain, now).is_err(), "accepted twice");
});
