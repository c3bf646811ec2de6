use std::sync::Arc;

use super::*;
use crate::connection::TlsFacts;

const EDGE: ClientPolicy = ClientPolicy {
    use_remote_address: true,
    trusted_hops: 0,
    skip_xff_append: false,
    generate_request_id: true,
    preserve_external_request_id: false,
};
const INNER: ClientPolicy = ClientPolicy { use_remote_address: false, ..EDGE };

/// An address of the range for documentation (RFC 5737).
fn own() -> IpAddr {
    [192, 0, 2, 1].into()
}

fn connection(tls: bool) -> ConnectionInfo {
    ConnectionInfo {
        remote: "203.0.113.7:4000".parse().unwrap(),
        tls: tls.then(|| Arc::new(TlsFacts::default())),
        ..ConnectionInfo::own(std::time::SystemTime::now())
    }
}

/// The client as it is understood, and the headers as they go on.
fn seen(policy: &ClientPolicy, tls: bool, said: &[(&str, &str)]) -> (Client, HeaderMap) {
    let mut headers = HeaderMap::new();
    for (name, value) in said {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    let client = identify(&mut headers, &connection(tls), policy, own);
    (client, headers)
}

fn address(client: &Client) -> Option<String> {
    client.address.map(|address| address.ip().to_string())
}

#[test]
fn an_edge_believes_the_socket_and_says_so() {
    let lies = [("x-forwarded-for", "10.0.0.1"), ("x-forwarded-proto", "https")];
    let (client, headers) = seen(&EDGE, false, &lies);
    assert_eq!(client.scheme, "http");
    assert_eq!(address(&client), None, "the socket's own address counts");
    assert_eq!(headers["x-forwarded-for"], "10.0.0.1,203.0.113.7");
    assert_eq!(headers["x-forwarded-proto"], "http");
    assert_eq!(headers["x-envoy-external-address"], "203.0.113.7");
    assert_eq!(seen(&EDGE, true, &[]).0.scheme, "https");
}

#[test]
fn an_edge_behind_a_trusted_proxy_believes_that_one() {
    let behind_one = ClientPolicy { trusted_hops: 1, ..EDGE };
    let said = [("x-forwarded-for", "1.1.1.1, 2.2.2.2"), ("x-forwarded-proto", "https")];
    let (client, headers) = seen(&behind_one, false, &said);
    assert_eq!((client.scheme, address(&client).as_deref()), ("https", Some("2.2.2.2")));
    assert_eq!(headers["x-forwarded-for"], "1.1.1.1, 2.2.2.2,203.0.113.7");
    assert_eq!(headers["x-envoy-external-address"], "2.2.2.2");
}

#[test]
fn an_inner_hop_believes_what_it_is_told() {
    let said = [("x-forwarded-for", "1.1.1.1,2.2.2.2"), ("x-forwarded-proto", "https")];
    let (client, headers) = seen(&INNER, false, &said);
    assert_eq!((client.scheme, address(&client).as_deref()), ("https", Some("2.2.2.2")));
    assert_eq!(headers["x-forwarded-for"], "1.1.1.1,2.2.2.2");
    let two_back = ClientPolicy { trusted_hops: 1, ..INNER };
    assert_eq!(address(&seen(&two_back, false, &said).0).as_deref(), Some("1.1.1.1"));
    let too_far = ClientPolicy { trusted_hops: 2, ..INNER };
    assert_eq!(address(&seen(&too_far, false, &said).0), None);
}

#[test]
fn addresses_are_counted_across_lines_and_nonsense_is_no_address() {
    let lines = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "2.2.2.2, ::1")];
    assert_eq!(address(&seen(&INNER, false, &lines).0).as_deref(), Some("::1"));
    let third = ClientPolicy { trusted_hops: 2, ..INNER };
    assert_eq!(address(&seen(&third, false, &lines).0).as_deref(), Some("1.1.1.1"));
    for nonsense in ["unknown", "1.1.1.1:80x", "", "1.1.1", "1.1.1.1, "] {
        assert_eq!(address(&seen(&INNER, false, &[("x-forwarded-for", nonsense)]).0), None, "{nonsense:?}");
    }
}

#[test]
fn a_scheme_that_is_none_is_replaced_by_the_truth() {
    let (client, headers) = seen(&INNER, true, &[]);
    assert_eq!(
        (client.scheme, &headers["x-forwarded-proto"]),
        ("https", &"https".parse::<HeaderValue>().unwrap())
    );
    assert_eq!(seen(&INNER, false, &[("x-forwarded-proto", "gopher")]).0.scheme, "http");
}

#[test]
fn nobody_outside_steers_the_router() {
    let control = [
        ("x-envoy-retry-on", "5xx"),
        ("x-envoy-max-retries", "100"),
        ("x-envoy-upstream-rq-timeout-ms", "1"),
        ("x-envoy-internal", "true"),
        ("x-envoy-original-path", "/admin"),
        ("x-envoy-decorator-operation", "x"),
        ("x-envoy-unknown", "kept"),
    ];
    let (_, inner) = seen(&INNER, false, &control);
    let names = |headers: &HeaderMap| -> Vec<String> {
        let control = headers.keys().map(ToString::to_string).filter(|name| name.starts_with("x-envoy-"));
        control.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    };
    assert_eq!(names(&inner), ["x-envoy-decorator-operation", "x-envoy-original-path", "x-envoy-unknown"]);
    let (_, edge) = seen(&EDGE, false, &control);
    assert_eq!(names(&edge), ["x-envoy-external-address", "x-envoy-unknown"]);
}

#[test]
fn a_request_has_an_id_and_only_an_edge_that_is_told_so_keeps_the_clients() {
    let said = [("x-request-id", "mine")];
    assert_eq!(seen(&INNER, false, &said).1["x-request-id"], "mine");
    assert_ne!(seen(&EDGE, false, &said).1["x-request-id"], "mine");
    let preserving = ClientPolicy { preserve_external_request_id: true, ..EDGE };
    assert_eq!(seen(&preserving, false, &said).1["x-request-id"], "mine");
    let silent = ClientPolicy { generate_request_id: false, ..EDGE };
    assert!(!seen(&silent, false, &[]).1.contains_key("x-request-id"));
}

#[test]
fn an_id_is_a_random_uuid() {
    let (one, other) = (uuid(), uuid());
    assert_ne!(one, other);
    let text = one.to_str().unwrap();
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12]);
    assert_eq!(text.as_bytes()[14], b'4', "version 4");
    assert!(b"89ab".contains(&text.as_bytes()[19]), "RFC 9562 variant");
}

#[test]
fn via_is_one_line_with_this_proxy_last() {
    let mut headers = HeaderMap::new();
    append_via(&mut headers, &"1.1 carrick".parse().unwrap());
    assert_eq!(headers["via"], "1.1 carrick");
    headers.append("via", "1.0 other".parse().unwrap());
    append_via(&mut headers, &"1.1 carrick".parse().unwrap());
    assert_eq!(headers["via"], "1.1 carrick, 1.0 other, 1.1 carrick");
}
