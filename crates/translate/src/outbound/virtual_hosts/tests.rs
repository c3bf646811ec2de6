use super::*;

const DOMAIN: &str = "default.svc.cluster.local";

#[test]
fn short_forms_reach_as_far_as_the_shared_suffix() {
    assert_eq!(
        short_forms("server.default.svc.cluster.local", DOMAIN),
        ["server", "server.default", "server.default.svc"]
    );
    assert_eq!(short_forms("server.ns2.svc.cluster.local", DOMAIN), ["server.ns2", "server.ns2.svc"]);
    assert_eq!(short_forms("server.ns2.svc.cluster.global", DOMAIN), Vec::<String>::new());
    assert_eq!(short_forms("example.com", DOMAIN), Vec::<String>::new());
}

#[test]
fn an_exact_host_beats_any_wildcard_and_a_long_wildcard_a_short_one() {
    assert!(specificity("a.b.c", "a.b.c") > specificity("*.b.c", "a.b.c"));
    assert!(specificity("*.b.c", "a.b.c") > specificity("*.c", "a.b.c"));
    assert_eq!(specificity("*.b.d", "a.b.c"), None);
}
