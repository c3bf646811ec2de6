use std::collections::BTreeMap;

use super::{Member, Table};
use crate::config::cluster::is_prime;

fn members(weights: &[u64]) -> Vec<Member> {
    (1..).zip(weights).map(|(n, weight)| (format!("10.0.0.{n}:80"), *weight)).collect()
}

/// How many of many hashes each host gets.
fn shares(table: &Table) -> BTreeMap<usize, usize> {
    let mut shares = BTreeMap::new();
    for n in 0..100_000_u64 {
        *shares.entry(table.find(super::xxh64(&n.to_le_bytes(), 0), 0).unwrap()).or_default() += 1;
    }
    shares
}

#[test]
fn weights_decide_how_much_a_host_gets() {
    let ring = shares(&Table::ring(&members(&[1, 3]), 8192, 1 << 23));
    assert!((22_000..28_000).contains(&ring[&0]), "{ring:?}");
    let maglev = shares(&Table::maglev(&members(&[1, 3]), 65537));
    assert!((24_000..26_000).contains(&maglev[&0]), "{maglev:?}");
}

#[test]
fn a_host_that_goes_leaves_most_of_the_others_where_they_were() {
    let (three, two) = (members(&[1, 1, 1]), members(&[1, 1]));
    let hashes: Vec<_> = (0..10_000_u64).map(|n| super::xxh64(&n.to_le_bytes(), 0)).collect();
    let moved = |before: &Table, after: &Table| {
        let stays = |hash: &&u64| before.find(**hash, 0) != Some(2);
        hashes.iter().filter(stays).filter(|hash| before.find(**hash, 0) != after.find(**hash, 0)).count()
    };
    // A few do move: the ring's points, and Maglev's slots, are shared out anew.
    let ring = moved(&Table::ring(&three, 1024, 1 << 23), &Table::ring(&two, 1024, 1 << 23));
    let maglev = moved(&Table::maglev(&three, 65537), &Table::maglev(&two, 65537));
    assert!(ring < 1500 && maglev < 1500, "{ring} and {maglev} of 10000");
}

#[test]
fn another_attempt_finds_another_host_in_time() {
    for table in [Table::ring(&members(&[1, 1]), 1024, 1 << 23), Table::maglev(&members(&[1, 1]), 65537)] {
        for hash in [0, 1, u64::MAX, 1 << 40] {
            let first = table.find(hash, 0);
            assert!((1..20).any(|attempt| table.find(hash, attempt) != first), "{hash}");
        }
    }
}

#[test]
fn nobody_is_found_among_nobody() {
    assert_eq!(Table::ring(&[], 1024, 1 << 23).find(7, 0), None);
    assert_eq!(Table::maglev(&[], 65537).find(7, 1), None);
}

#[test]
fn primes_are_told_from_others() {
    assert!([2, 3, 65537, 4_999_999].into_iter().all(is_prime));
    assert!(![0, 1, 4, 65535, 5_000_011 * 3].into_iter().any(is_prime));
}
