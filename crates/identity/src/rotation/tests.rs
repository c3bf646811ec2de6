use super::*;
use crate::scene::{DAY, now};
use proptest::prelude::*;
use std::time::Duration;

/// A life of six days from `start`, so that one sixth is a day.
fn life(start: SystemTime) -> Validity {
    Validity { not_before: start, not_after: start + 6 * DAY }
}

#[test]
fn a_succession_prepares_at_half_activates_at_five_sixths_and_forgets_at_the_end() {
    let slots = CaSlots::start(life(now()));
    assert_eq!(slots.next_step(now()), Step::Wait { until: now() + 3 * DAY });
    assert_eq!(slots.next_step(now() + 3 * DAY), Step::Prepare);

    let (slots, number) = slots.prepare(life(now() + 3 * DAY), now() + 3 * DAY).unwrap();
    assert_eq!(number, 2);
    assert_eq!(slots.active().number, 1, "the old one goes on signing while the new one is made known");
    assert_eq!(slots.next_step(now() + 3 * DAY), Step::Wait { until: now() + 5 * DAY });
    assert_eq!(slots.next_step(now() + 5 * DAY), Step::Activate { number: 2 });

    let slots = slots.activate(now() + 5 * DAY).unwrap();
    assert_eq!(slots.active().number, 2);
    assert!(matches!(slots.slots()[..], [Slot::Retiring(old), Slot::Active(_)] if old.number == 1));
    assert_eq!(slots.next_step(now() + 5 * DAY), Step::Wait { until: now() + 6 * DAY });
    assert_eq!(slots.next_step(now() + 6 * DAY), Step::Forget { number: 1 });

    let slots = slots.forget(1, now() + 6 * DAY).unwrap();
    assert_eq!(slots.slots(), [Slot::Active(slots.active())]);
    assert_eq!(slots.next_step(now() + 6 * DAY), Step::Prepare);
}

#[test]
fn transitions_out_of_turn_are_refused_and_change_nothing() {
    let slots = CaSlots::start(life(now()));
    assert_eq!(slots.clone().activate(now()), Err(SlotError::NothingPrepared));
    assert_eq!(
        slots.clone().forget(1, now() + 9 * DAY),
        Err(SlotError::StillNeeded(1)),
        "the active one stays"
    );

    let (slots, _) = slots.prepare(life(now() + DAY), now()).unwrap();
    assert_eq!(slots.clone().prepare(life(now()), now()), Err(SlotError::AlreadyPrepared(2)));
    assert_eq!(slots.clone().activate(now()), Err(SlotError::NotValidNow(2)));

    let slots = slots.activate(now() + DAY).unwrap();
    assert_eq!(
        slots.clone().forget(1, now() + 5 * DAY),
        Err(SlotError::StillNeeded(1)),
        "its leaves still hold"
    );
}

#[test]
fn after_a_long_sleep_the_succession_heals_itself() {
    // Everything has expired while the process was down.
    let (slots, _) = CaSlots::start(life(now())).prepare(life(now()), now()).unwrap();
    let late = now() + 30 * DAY;
    assert_eq!(slots.next_step(late), Step::Prepare);
    let (slots, number) = slots.prepare(life(late), late).unwrap();
    assert_eq!(number, 3, "the number of the unused generation is not used again");
    assert_eq!(slots.next_step(late), Step::Activate { number: 3 });
    let slots = slots.activate(late).unwrap();
    assert_eq!(slots.next_step(late), Step::Forget { number: 1 });
}

#[test]
fn a_late_start_activates_as_soon_as_the_next_is_valid() {
    let slots = CaSlots::start(life(now()));
    let late = now() + 5 * DAY + DAY / 2;
    assert_eq!(slots.next_step(late), Step::Prepare);
    let (slots, _) = slots.prepare(life(late + DAY / 4), late).unwrap();
    assert_eq!(slots.next_step(late), Step::Wait { until: late + DAY / 4 });
    assert_eq!(slots.next_step(late + DAY / 4), Step::Activate { number: 2 });
}

#[test]
fn the_state_survives_a_restart_and_damage_is_noticed() {
    let (slots, _) = CaSlots::start(life(now())).prepare(life(now()), now()).unwrap();
    let slots = slots.activate(now()).unwrap().prepare(life(now()), now()).unwrap().0;
    let written = serde_json::to_string(&slots).unwrap();
    assert_eq!(serde_json::from_str::<CaSlots>(&written).unwrap(), slots);

    for (find, replace) in [
        ("active", "retiring"),
        ("active", "prepared"),
        ("prepared", "active"),
        ("\"number\":2", "\"number\":1"),
    ] {
        let damaged = written.replacen(find, replace, 1);
        let e = serde_json::from_str::<CaSlots>(&damaged).expect_err(&damaged);
        assert!(e.to_string().contains("damaged"), "{e}");
    }
}

proptest! {
    /// However irregularly the clock is looked at, doing what is asked always ends in waiting, with
    /// a CA that can sign, and never with more than one prepared.
    #[test]
    fn following_the_steps_always_reaches_rest(hours in prop::collection::vec(0u32..400, 1..40)) {
        let mut slots = CaSlots::start(life(now()));
        let mut clock = now();
        let mut newest = 1;
        for hour in hours {
            clock += Duration::from_secs(3600) * hour;
            for round in 0.. {
                prop_assert!(round < 50, "no rest at {clock:?}: {slots:?}");
                slots = match slots.next_step(clock) {
                    Step::Wait { until } => {
                        prop_assert!(until > clock);
                        break;
                    }
                    Step::Prepare => {
                        let (slots, number) = slots.prepare(life(clock), clock).unwrap();
                        prop_assert_eq!(number, newest + 1);
                        newest = number;
                        slots
                    }
                    Step::Activate { .. } => slots.activate(clock).unwrap(),
                    Step::Forget { number } => slots.forget(number, clock).unwrap(),
                };
            }
            prop_assert_eq!(slots.active().validity.standing(clock), crate::validity::Standing::Valid);
        }
    }
}
