use std::time::{Duration, Instant};

use super::{Outcome, OutlierState};
use crate::config::cluster::{OutlierConfig, Row};

const NEVER: Row = Row { length: 0, enforce: 0 };

fn config() -> OutlierConfig {
    OutlierConfig {
        server_errors: Row { length: 3, enforce: 100 },
        gateway_errors: NEVER,
        local_errors: NEVER,
        split: false,
        interval: Duration::from_secs(1),
        base_time: Duration::from_secs(10),
        max_time: Duration::from_secs(25),
        jitter: Duration::ZERO,
        max_percent: 100,
        always_one: false,
    }
}

/// Which of the outcomes completes a row.
fn fills(config: &OutlierConfig, outcomes: &[Outcome]) -> Vec<usize> {
    let state = OutlierState::default();
    let filled = |(n, outcome): (usize, &Outcome)| state.count(*outcome, config).then_some(n);
    outcomes.iter().enumerate().filter_map(filled).collect()
}

#[test]
fn only_failures_in_a_row_count() {
    use Outcome::Status;
    let row = [500, 501, 200, 500, 499, 500, 503, 599, 500, 500, 500].map(Status);
    assert_eq!(fills(&config(), &row), [7, 10]);
}

#[test]
fn gateway_errors_have_a_row_of_their_own() {
    use Outcome::Status;
    let config =
        OutlierConfig { server_errors: NEVER, gateway_errors: Row { length: 2, enforce: 100 }, ..config() };
    assert_eq!(fills(&config, &[502, 500, 503, 504, 504].map(Status)), [3]);
    let unenforced = OutlierConfig { gateway_errors: Row { length: 2, enforce: 0 }, ..config };
    assert_eq!(fills(&unenforced, &[502, 502, 502, 502].map(Status)), Vec::<usize>::new());
}

#[test]
fn a_host_that_cannot_be_reached_counts_as_if_it_had_answered_unless_that_is_split() {
    use Outcome::{Connected, Done, Failed, Status, TimedOut};
    assert_eq!(fills(&config(), &[Failed, Connected, TimedOut, Status(500)]), [3]);
    assert_eq!(fills(&config(), &[Failed, TimedOut, Done, Failed]), Vec::<usize>::new());
    let split = OutlierConfig { split: true, local_errors: Row { length: 2, enforce: 100 }, ..config() };
    assert_eq!(fills(&split, &[Failed, Connected, Failed, TimedOut]), [3]);
    assert_eq!(fills(&split, &[Failed, Status(500), Status(500), Failed, Status(500)]), [3, 4]);
}

#[test]
fn each_ejection_lasts_longer_up_to_a_limit_and_good_conduct_is_rewarded() {
    let (state, config) = (OutlierState::default(), config());
    let mut now = Instant::now();
    let mut lengths = Vec::new();
    for _ in 0..4 {
        state.eject(now, &config);
        let since = now;
        while !state.tick(now, &config) {
            now += Duration::from_secs(1);
        }
        lengths.push((now - since).as_secs());
        // It fails again before the next interval.
        state.lock().times += 1;
    }
    assert_eq!(lengths, [10, 20, 25, 25]);
    for _ in 0..10 {
        assert!(!state.tick(now, &config));
    }
    assert_eq!(state.lock().times, 0);
}
