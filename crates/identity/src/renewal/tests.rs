use super::*;
use crate::scene::{DAY, now};
use proptest::prelude::*;

#[test]
fn a_day_long_certificate_is_renewed_at_noon_give_or_take_a_quarter_of_an_hour() {
    let end = now() + DAY;
    assert_eq!(renew_at(now(), end, 0.0), now() + DAY / 2);
    assert_eq!(renew_at(now(), end, JITTER), now() + DAY.mul_f64(0.51));
    assert_eq!(renew_at(now(), end, -JITTER), now() + DAY.mul_f64(0.49));
}

#[test]
fn jitter_out_of_bounds_is_cut_to_one_percent() {
    let end = now() + DAY;
    assert_eq!(renew_at(now(), end, 7.0), renew_at(now(), end, JITTER));
    assert_eq!(renew_at(now(), end, f64::NEG_INFINITY), renew_at(now(), end, -JITTER));
    assert_eq!(renew_at(now(), end, f64::NAN), renew_at(now(), end, 0.0));
    assert_eq!(renew_at(end, now(), 0.0), end, "dates the wrong way round: at once");
}

#[test]
fn random_jitter_differs_and_stays_within_bounds() {
    let draws: Vec<f64> = (0..100).map(|_| random_jitter().unwrap()).collect();
    assert!(draws.iter().all(|jitter| jitter.abs() <= JITTER));
    assert!(draws.iter().any(|jitter| *jitter < 0.0) && draws.iter().any(|jitter| *jitter > 0.0));
}

#[test]
fn retries_slow_down_to_a_minute_and_hurry_when_little_life_is_left() {
    let validity = Validity { not_before: now(), not_after: now() + DAY };
    let waits: Vec<u64> = (1..=9).map(|n| retry_after(n, validity, now()).as_secs()).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert_eq!(retry_after(9, validity, now() + DAY - Duration::from_secs(100)).as_secs(), 10);
    assert_eq!(retry_after(u32::MAX, validity, now() + 2 * DAY).as_secs(), 1);
}

proptest! {
    #[test]
    fn renewal_always_lies_within_the_lifetime(life in 1u64..400_000_000, jitter in any::<f64>()) {
        let end = now() + Duration::from_secs(life);
        let at = renew_at(now(), end, jitter);
        prop_assert!(at >= now() && at <= end);
    }
}
