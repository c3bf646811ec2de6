use super::*;
use crate::scene::{DAY, now};

#[test]
fn a_request_without_a_lifetime_gets_a_day() {
    let policy = TtlPolicy::default();
    for seconds in [0, -1, i64::MIN] {
        assert_eq!(policy.grant(seconds), Ok(DAY));
    }
}

#[test]
fn a_request_gets_what_it_asks_for_up_to_ninety_days_and_an_error_above() {
    let policy = TtlPolicy::default();
    assert_eq!(policy.grant(60), Ok(Duration::from_secs(60)));
    assert_eq!(policy.grant(90 * 86_400), Ok(90 * DAY));
    let e = policy.grant(90 * 86_400 + 1).unwrap_err();
    assert!(e.to_string().contains("7776001 s") && e.to_string().contains("7776000 s"), "{e}");
    assert!(policy.grant(i64::MAX).is_err());
}

#[test]
fn at_start_up_the_default_is_cut_to_what_is_left_of_the_chain() {
    let until = |left: Duration| Validity { not_before: now() - DAY, not_after: now() + left };
    let policy = TtlPolicy::default();
    assert_eq!(policy.within_chain([until(9 * DAY), until(DAY / 2)], now()).unwrap().default, DAY / 2);
    assert_eq!(policy.within_chain([until(9 * DAY)], now()), Ok(policy));
    let expired = policy.within_chain([until(9 * DAY), until(Duration::ZERO)], now()).unwrap_err();
    assert!(matches!(expired, TtlError::ChainExpired { .. }));
}
