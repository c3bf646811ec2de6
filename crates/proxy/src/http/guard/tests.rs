use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, (payload.len() >> 8) as u8, payload.len() as u8, kind, flags, 0, 0, 0, 1];
    frame.extend_from_slice(payload);
    frame
}

#[test]
fn a_frame_is_weighed_by_what_it_costs_whom() {
    for (kind, flags, length, weight) in [
        (DATA, 0, 1, Weight::Useful),
        (DATA, 1, 0, Weight::Neutral),
        (DATA, 0, 0, Weight::Cheap),
        (HEADERS, 4, 20, Weight::Neutral),
        (PRIORITY, 0, 5, Weight::Cheap),
        (RST_STREAM, 0, 4, Weight::Cheap),
        (SETTINGS, 0, 0, Weight::Cheap),
        (SETTINGS, 1, 0, Weight::Neutral),
        (PING, 0, 8, Weight::Cheap),
        (PING, 1, 8, Weight::Neutral),
        (WINDOW_UPDATE, 0, 4, Weight::Neutral),
        (CONTINUATION, 0, 0, Weight::Cheap),
        (CONTINUATION, 0, 9, Weight::Neutral),
    ] {
        assert_eq!(weigh(kind, flags, length), weight, "frame type {kind}, flags {flags}, {length} bytes");
    }
}

#[test]
fn a_budget_lasts_for_a_burst_and_comes_back_with_time() {
    let start = Instant::now();
    let mut budget = Budget { left: BURST, at: start };
    assert!(budget.spend(BURST as u32, start));
    assert!(!budget.spend(1, start));
    let mut later = Budget { left: 0.0, at: start };
    assert!(later.spend(30, start + Duration::from_secs(1)));
    // A long silence does not buy more than one burst.
    let mut rested = Budget { left: 0.0, at: start };
    assert!(!rested.spend(BURST as u32 + 1, start + Duration::from_secs(3600)));
    let mut earning = Budget { left: 0.0, at: start };
    earning.earn(2.0);
    assert!(earning.spend(2, start));
    earning.earn(1e9);
    assert!(!earning.spend(BURST as u32 + 1, start), "credit is bounded, too");
}

/// How many of these frames pass before the connection is ended.
async fn passed(frames: impl Iterator<Item = Vec<u8>>) -> usize {
    let (mut client, server) = tokio::io::duplex(1 << 16);
    let mut guard = FloodGuard::new(Box::new(server));
    client.write_all(&[0; 24]).await.unwrap();
    guard.read_exact(&mut [0; 24]).await.unwrap();
    for (count, frame) in frames.enumerate() {
        client.write_all(&frame).await.unwrap();
        if guard.read_exact(&mut vec![0; frame.len()]).await.is_err() {
            return count;
        }
    }
    usize::MAX
}

#[tokio::test]
async fn floods_end_the_connection_and_work_does_not() {
    for kind in [PING, RST_STREAM, PRIORITY, SETTINGS, CONTINUATION, DATA] {
        let ended = passed((0..400).map(|_| frame(kind, 0, if kind == PING { &[0; 8] } else { &[] }))).await;
        assert!((100..=300).contains(&ended), "frame type {kind} ended after {ended}");
    }
    let uploads = passed((0..2000).map(|_| frame(DATA, 0, &[1; 100]))).await;
    assert_eq!(uploads, usize::MAX);
    // One RST_STREAM for every two frames of data is a client that changes its mind, not a flood.
    let honest =
        (0..900).map(|n| if n % 3 == 2 { frame(RST_STREAM, 0, &[0; 4]) } else { frame(DATA, 0, &[1; 10]) });
    assert_eq!(passed(honest).await, usize::MAX);
}
