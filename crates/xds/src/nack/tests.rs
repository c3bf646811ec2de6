use super::{Refusal, compose, named, rest_was_applied};
use crate::resource::ResourceType;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn the_names_in_envoys_own_words_are_found_as_whole_words() {
    let sent = names(&["0.0.0.0_80", "0.0.0.0_8080", "10.0.0.0.0_80", "virtualOutbound"]);
    let words =
        "Error adding/updating listener(s) 0.0.0.0_80: error adding listener: no filter chains specified\n";
    assert_eq!(named(words, sent.iter()), ["0.0.0.0_80"]);

    let sent = names(&["outbound|80||a.global", "outbound|80||b.global"]);
    let words = "Error adding/updating cluster(s) outbound|80||b.global: cluster type not found";
    assert_eq!(named(words, sent.iter()), ["outbound|80||b.global"]);
}

#[test]
fn our_own_words_say_that_the_rest_was_applied() {
    let words =
        compose(ResourceType::Route, &[Refusal::new("80", "virtual_hosts[0]: no"), Refusal::new("81", "no")]);
    assert!(rest_was_applied(&words));
    assert_eq!(named(&words, names(&["80", "81", "82"]).iter()), ["80", "81"]);
    assert!(!rest_was_applied("Proto constraint validation failed (field: 'cluster_name', reason: ...)"));
}
