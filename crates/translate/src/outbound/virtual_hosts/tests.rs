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
