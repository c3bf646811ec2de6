use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use super::*;

fn lasting(millis: u64) -> LogEntry {
    LogEntry { duration: Duration::from_millis(millis), ..LogEntry::default() }
}

#[test]
fn the_oldest_are_dropped_whichever_thread_wrote_them() {
    let ring = FlowRing::new(10, "n".into());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                (0..100).for_each(|n| {
                    ring.record(lasting(n));
                })
            });
        }
    });
    let kept: Vec<_> = ring.since(0).iter().map(|record| record.sequence).collect();
    assert_eq!(kept, (791..=800).collect::<Vec<_>>());
    assert_eq!(ring.since(795).len(), 5);
    assert!(ring.since(0).iter().all(|record| record.node == "n"));
}

/// Whoever reads on from the last number that was seen misses none.
#[test]
fn a_reader_misses_nothing_that_is_kept() {
    let ring = FlowRing::new(100_000, String::new());
    let mut seen = BTreeSet::new();
    thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    (0..2_000).for_each(|n| {
                        ring.record(lasting(n));
                    })
                })
            })
            .collect();
        loop {
            let done = writers.iter().all(|writer| writer.is_finished());
            let last = seen.last().copied().unwrap_or(0);
            let news: Vec<_> = ring.since(last).iter().map(|record| record.sequence).collect();
            assert!(
                news.iter().enumerate().all(|(n, sequence)| *sequence == last + 1 + n as u64),
                "after {last}"
            );
            seen.extend(news);
            if done {
                break;
            }
        }
    });
    assert_eq!(seen.len(), 8_000);
}

#[test]
fn what_goes_on_is_written_down_again_when_it_is_over() {
    let ring = FlowRing::new(2, String::new());
    let first = ring.record(lasting(0));
    ring.record(lasting(1));
    ring.finish(first, lasting(7));
    let durations = || ring.since(0).iter().map(|record| record.duration_micros).collect::<Vec<_>>();
    assert_eq!(durations(), [7_000, 1_000]);
    ring.record(lasting(2));
    // Dropped by now.
    ring.finish(first, lasting(9));
    assert_eq!(durations(), [1_000, 2_000]);
}
