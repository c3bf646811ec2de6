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
