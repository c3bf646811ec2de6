use carrick_xds::json;
use carrick_xds::pb::envoy::config::route::v3::route_action::HashPolicy;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::{HashPolicies, Hashed};
use crate::xxhash::xxh64;

fn policies(list: &[Value]) -> Result<HashPolicies, String> {
    let pb: Vec<HashPolicy> = list.iter().map(|pb| json::from_json(pb.clone()).unwrap()).collect();
    HashPolicies::from_proto(&pb).map_err(|error| error.to_string())
}

fn hash(list: &[Value], headers: &[(&'static str, &str)], query: &str) -> (Option<u64>, Vec<HeaderValue>) {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_str(value).unwrap());
    }
    let ends = ("10.0.0.1:5".parse().unwrap(), "10.0.0.2:80".parse().unwrap());
    let of = Hashed { headers: &map, query, client: "10.0.0.1".parse().unwrap(), connection: ends };
    let mut cookies = Vec::new();
    let hash = policies(list).unwrap().hash(&of, &mut cookies);
    (hash, cookies)
}

fn header(name: &str) -> Value {
    json!({"header": {"header_name": name}})
}

#[test]
fn the_order_of_equal_headers_does_not_matter() {
    let one = hash(&[header("x-a")], &[("x-a", "1"), ("x-a", "2")], "").0;
    assert_eq!(one, hash(&[header("x-a")], &[("x-a", "2"), ("x-a", "1")], "").0);
    assert_eq!(hash(&[header("x-a")], &[], "").0, None);
}

#[test]
fn policies_add_up_until_a_terminal_one_has_spoken() {
    let a = xxh64(b"1", 0);
    let query = json!({"query_parameter": {"name": "q"}});
    let both = hash(&[header("x-a"), query.clone()], &[("x-a", "1")], "p=0&q=1").0;
    // The same value twice does not cancel itself out.
    assert_eq!(both, Some(a.rotate_left(1) ^ a));
    let terminal = json!({"header": {"header_name": "x-a"}, "terminal": true});
    assert_eq!(hash(&[terminal.clone(), query.clone()], &[("x-a", "1")], "q=2").0, Some(a));
    assert_eq!(hash(&[terminal, query], &[], "q=2").0, Some(xxh64(b"2", 0)));
    let ip = json!({"connection_properties": {"source_ip": true}});
    assert_eq!(hash(&[ip], &[], "").0, Some(xxh64(b"10.0.0.1", 0)));
}

#[test]
fn a_cookie_is_taken_or_made_up() {
    let with = |more: Value| {
        let mut cookie = json!({"name": "c"});
        cookie.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        [json!({"cookie": cookie})]
    };
    let given = hash(&with(json!({"ttl": "5s"})), &[("cookie", "b=1; c=\"x\"")], "");
    assert_eq!(given, (Some(xxh64(b"x", 0)), vec![]));
    assert_eq!(hash(&with(json!({})), &[], "").0, None);
    let (made, cookies) = hash(&with(json!({"ttl": "5s", "path": "/p"})), &[], "");
    let cookie = cookies[0].to_str().unwrap();
    let value = cookie.split('"').nth(1).unwrap();
    assert_eq!(cookie, format!("c=\"{value}\"; Max-Age=5; Path=/p; HttpOnly"));
    assert_eq!(made, Some(xxh64(value.as_bytes(), 0)));
}

#[test]
fn what_is_not_implemented_is_refused_by_its_field() {
    for (policy, expected) in [
        (json!({"filter_state": {"key": "k"}}), "hash_policy[0].filter_state: is not supported"),
        (json!({}), "hash_policy[0].policy_specifier: is required"),
        (
            json!({"header": {"header_name": "x", "regex_rewrite": {"pattern": {"regex": "a"}}}}),
            "hash_policy[0].header.regex_rewrite: is not supported",
        ),
    ] {
        assert_eq!(policies(&[policy]).unwrap_err(), expected);
    }
}
