use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn every_pause_is_between_a_tenth_and_the_whole_of_a_ceiling_that_doubles_to_the_longest(
        first in 1u64..5_000,
        longest in 1u64..100_000,
        attempts in 1usize..40,
    ) {
        let (first, longest) = (Duration::from_millis(first), Duration::from_millis(longest));
        let mut backoff = Backoff::new(first, longest);
        let mut ceiling = first.min(longest);
        for _ in 0..attempts {
            let pause = backoff.next_pause();
            prop_assert!(pause >= ceiling.mul_f64(LEAST) && pause <= ceiling, "{pause:?} of {ceiling:?}");
            ceiling = (ceiling * 2).min(longest);
        }
        backoff.reset();
        prop_assert!(backoff.next_pause() <= first.min(longest));
    }
}

#[test]
fn a_thousand_callers_that_failed_together_do_not_come_back_together() {
    let mut callers = vec![Backoff::new(Duration::from_millis(10), Duration::from_secs(10)); 1000];
    for _ in 0..8 {
        for caller in &mut callers {
            caller.next_pause();
        }
    }
    // The ceiling is 2.56 s now; in no tenth of a second there come back more than a few times
    // their share of 43.
    let slots: Vec<u128> = callers.iter_mut().map(|caller| caller.next_pause().as_millis() / 100).collect();
    let distinct: BTreeSet<u128> = slots.iter().copied().collect();
    assert!(distinct.len() >= 20, "{distinct:?}");
    let most = distinct.iter().map(|slot| slots.iter().filter(|other| *other == slot).count()).max();
    assert!(most.unwrap() < 130, "{most:?} in one tenth of a second");
}
