use super::*;

#[test]
fn wildcards_cover_names_of_any_depth_but_not_their_own_parent() {
    assert!(is_subset("a.b.example", "*.example"));
    assert!(is_subset("*.b.example", "*.example"));
    assert!(is_subset("anything", "*"));
    assert!(!is_subset("example", "*.example"));
    assert!(!is_subset("*.example", "a.example"));
    assert!(overlaps("*.example", "a.example") && overlaps("a.example", "*.example"));
    assert!(!overlaps("*.example", "*.test"));
    assert_eq!(narrower("*.example", "*.a.example"), Some("*.a.example"));
}

#[test]
fn hosts_that_can_never_match_are_told_apart_from_those_that_can() {
    for good in ["a", "a.b.example", "a.example.", "A-1.example", "xn--bcher-kva.example"] {
        assert_eq!(fault(good, false), None, "{good}");
    }
    let long = format!("{}.example", "a".repeat(64));
    for bad in [
        "",
        ".",
        "a..b",
        "-a.b",
        "a-.b",
        "a_b.example",
        "a b",
        "a\0b",
        "*.a.b",
        "a.*.b",
        &long,
        &"a.".repeat(200),
    ] {
        assert!(fault(bad, false).is_some(), "{bad:?}");
    }
    for wild in ["*", "*.example"] {
        assert_eq!(fault(wild, true), None, "{wild}");
    }
    for bad in ["*a.example", "**", "*.", "*.*.example", "a.*"] {
        assert!(fault(bad, true).is_some(), "{bad:?}");
    }
}

#[test]
fn what_covers_a_host_is_what_it_is_a_subset_of() {
    let all = ["a.b.c", "*.b.c", "*.c", "*", "b.c", "x.b.c", "*.x.b.c", "c", "a", "*.a"];
    for host in all {
        let found: Vec<String> = super::covering(host).map(|wide| wide.into_owned()).collect();
        let expected: Vec<&str> = all.into_iter().filter(|wide| is_subset(host, wide)).collect();
        assert!(expected.iter().all(|wide| found.iter().any(|one| one == wide)), "{host}: {found:?}");
        assert!(found.iter().all(|wide| is_subset(host, wide)), "{host}: {found:?}");
        assert!(
            found.is_sorted_by_key(|wide| std::cmp::Reverse((!is_wildcard(wide), wide.len()))),
            "{found:?}"
        );
    }
    for (number, host) in all.into_iter().enumerate() {
        let others = all.into_iter().enumerate().filter(|(other, _)| *other != number).map(|(_, name)| name);
        let set: HostSet = others.clone().collect();
        assert_eq!(set.covers(host), others.clone().any(|wide| is_subset(host, wide)), "{host}");
        assert_eq!(set.overlaps(host), others.clone().any(|other| overlaps(host, other)), "{host}");
    }
}
