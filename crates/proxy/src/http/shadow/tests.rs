use http::HeaderValue;

use super::shadow_of;

#[test]
fn the_host_says_that_it_is_a_shadow() {
    for (authority, expected) in [
        ("a.test", "a.test-shadow"),
        ("a.test:80", "a.test-shadow:80"),
        ("10.0.0.1:80", "10.0.0.1-shadow:80"),
    ] {
        assert_eq!(shadow_of(&HeaderValue::from_static(authority)), expected);
    }
}
