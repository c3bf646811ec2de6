use super::*;

#[test]
fn the_more_of_the_place_is_shared_the_nearer() {
    let from = |other| by_distance("eu/west/a", other, &[]);
    assert_eq!([from("eu/west/a"), from("eu/west/b"), from("eu/east/a"), from("us/west/a")], [0, 1, 2, 3]);
}

#[test]
fn of_far_regions_the_one_that_the_rule_names_comes_first() {
    let rule = LocalityFailover { from: "eu".into(), to: "us".into() };
    let from = |own, other| by_distance(own, other, std::slice::from_ref(&rule));
    assert_eq!((from("eu/west", "us/west"), from("eu/west", "asia/a")), (3, 4));
    assert_eq!((from("us/west", "eu/west"), from("us/west", "asia/a")), (3, 3));
}

#[test]
fn a_star_stands_for_any_part_of_a_place() {
    assert!(covers("*", "eu/west/a") && covers("eu/*", "eu/west/a") && covers("eu/west", "eu/west/a"));
    assert!(!covers("eu/east/*", "eu/west/a") && !covers("eu", "europe/west"));
}
