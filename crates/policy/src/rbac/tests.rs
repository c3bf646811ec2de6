use std::sync::Arc;

use carrick_xds::json;
use carrick_xds::pb::envoy::config::rbac::v3::Rbac;
use http::{HeaderMap, Method};

use super::{Layer, Rules, Subject};
use crate::connection::{ClientHello, ConnectionInfo, TlsFacts};
use crate::head::RequestHead;

fn parse(rules: &str, layer: Layer) -> Result<Rules, String> {
    let pb: Rbac = json::from_json(serde_json::from_str(&format!("{{{rules}}}")).unwrap()).unwrap();
    Rules::from_proto(&pb, layer).map_err(|error| error.to_string())
}

fn policy(permission: &str, principal: &str) -> String {
    format!(r#""policies": {{"p": {{"permissions": [{permission}], "principals": [{principal}]}}}}"#)
}

const ANY: &str = r#"{"any": true}"#;

fn connection() -> ConnectionInfo {
    let mut info = ConnectionInfo::own(std::time::SystemTime::now());
    info.remote = "10.1.2.3:5555".parse().unwrap();
    info.local = "10.0.0.9:8080".parse().unwrap();
    info
}

fn peer(uri: &str) -> ConnectionInfo {
    let tls = TlsFacts {
        peer_uri_sans: vec![uri.to_owned()],
        peer_dns_sans: vec!["client.test".into()],
        peer_subject: "CN=client".into(),
        peer_certificate_sha256: Some("00".into()),
        ..TlsFacts::default()
    };
    ConnectionInfo { tls: Some(Arc::new(tls)), ..connection() }
}

fn allows(rules: &str, info: &ConnectionInfo) -> bool {
    let rules = parse(rules, Layer::Network).unwrap();
    rules.judge(&Subject { connection: info, client: info.remote, head: None }).allowed
}

fn principal(matcher: &str) -> String {
    format!(r#"{{"authenticated": {{"principal_name": {{{matcher}}}}}}}"#)
}

#[test]
fn a_peer_with_a_spiffe_id_is_known_by_that_alone() {
    let info = peer("spiffe://td/ns/a/sa/b");
    for (matcher, expected) in [
        (r#""exact": "spiffe://td/ns/a/sa/b""#, true),
        (r#""exact": "spiffe://td/ns/a/sa""#, false),
        (r#""prefix": "spiffe://td/ns/a/""#, true),
        (r#""suffix": "/sa/b""#, true),
        (r#""safe_regex": {"regex": ".*/ns/a/.*"}"#, true),
        // An expression must match the whole name.
        (r#""safe_regex": {"regex": "/ns/a/"}"#, false),
        (r#""safe_regex": {"regex": ".+"}"#, true),
        (r#""exact": "client.test""#, false),
        (r#""suffix": ".test""#, false),
        (r#""exact": "CN=client""#, false),
        (r#""safe_regex": {"regex": "CN=.*"}"#, false),
    ] {
        let principal = principal(matcher);
        assert_eq!(allows(&policy(ANY, &principal), &info), expected, "{matcher}");
        assert!(!allows(&policy(ANY, &principal), &connection()), "{matcher}");
    }
}

#[test]
fn a_peer_without_a_spiffe_id_is_known_by_any_of_its_names_but_as_no_spiffe_id() {
    let tls = TlsFacts {
        peer_uri_sans: vec!["https://client.test/".to_owned()],
        // Neither is read from a certificate; were they, nothing would come of it.
        peer_dns_sans: vec!["client.test".into(), "spiffe://td/ns/a/sa/b".into()],
        peer_subject: "spiffe://td/ns/a/sa/c".into(),
        peer_certificate_sha256: Some("00".into()),
        ..TlsFacts::default()
    };
    let info = ConnectionInfo { tls: Some(Arc::new(tls)), ..connection() };
    for (matcher, expected) in [
        (r#""exact": "https://client.test/""#, true),
        (r#""exact": "client.test""#, true),
        (r#""exact": "CLIENT.TEST", "ignore_case": true"#, true),
        (r#""exact": "spiffe://td/ns/a/sa/b""#, false),
        (r#""exact": "SPIFFE://td/ns/a/sa/b", "ignore_case": true"#, false),
        (r#""prefix": "spiffe://td/""#, false),
        (r#""safe_regex": {"regex": "spiffe://.+/ns/a/sa/c"}"#, false),
    ] {
        assert_eq!(allows(&policy(ANY, &principal(matcher)), &info), expected, "{matcher}");
    }
}

#[test]
fn tls_without_a_client_certificate_authenticates_nobody() {
    let tls = Some(Arc::new(TlsFacts::default()));
    let nameless = ConnectionInfo { tls, ..connection() };
    let any_name = r#"{"authenticated": {"principal_name": {"safe_regex": {"regex": ".*"}}}}"#;
    for principal in [r#"{"authenticated": {}}"#, any_name] {
        assert!(!allows(&policy(ANY, principal), &nameless), "{principal}");
        assert!(allows(&policy(ANY, principal), &peer("spiffe://td/x")), "{principal}");
    }
}

#[test]
fn addresses_ports_and_server_names_are_the_connections_own() {
    let hello = ClientHello { server_name: Some("a.test".into()), ..ClientHello::default() };
    let info = ConnectionInfo { client_hello: Some(Arc::new(hello)), ..connection() };
    for (permission, expected) in [
        (r#"{"destination_ip": {"address_prefix": "10.0.0.0", "prefix_len": 24}}"#, true),
        (r#"{"destination_ip": {"address_prefix": "10.0.1.0", "prefix_len": 24}}"#, false),
        (r#"{"destination_port": 8080}"#, true),
        (r#"{"destination_port": 80}"#, false),
        (r#"{"destination_port_range": {"start": 8000, "end": 8080}}"#, false),
        (r#"{"destination_port_range": {"start": 8080, "end": 8081}}"#, true),
        (r#"{"requested_server_name": {"suffix": ".test"}}"#, true),
        (r#"{"not_rule": {"requested_server_name": {"suffix": ".test"}}}"#, false),
    ] {
        assert_eq!(allows(&policy(permission, ANY), &info), expected, "{permission}");
    }
    for (principal, expected) in [
        (r#"{"source_ip": {"address_prefix": "10.1.0.0", "prefix_len": 16}}"#, true),
        (r#"{"direct_remote_ip": {"address_prefix": "10.2.0.0", "prefix_len": 16}}"#, false),
        (r#"{"remote_ip": {"address_prefix": "10.1.2.3", "prefix_len": 32}}"#, true),
    ] {
        assert_eq!(allows(&policy(ANY, principal), &info), expected, "{principal}");
    }
}

#[test]
fn a_header_that_is_missing_never_matches_unless_it_is_to_be_taken_as_empty() {
    let (method, headers, info) = (Method::GET, HeaderMap::new(), connection());
    let head = RequestHead {
        method: &method,
        scheme: "http",
        authority: "a.test",
        path: "/p?q#f",
        headers: &headers,
        random: 0,
    };
    let subject = Subject { connection: &info, client: info.remote, head: Some(&head) };
    let inverted = r#""name": "x", "string_match": {"exact": "1"}, "invert_match": true"#;
    for (permission, expected) in [
        (format!(r#"{{"header": {{{inverted}}}}}"#), false),
        (format!(r#"{{"header": {{{inverted}, "treat_missing_header_as_empty": true}}}}"#), true),
        (r#"{"url_path": {"path": {"exact": "/p"}}}"#.to_owned(), true),
        (r#"{"header": {"name": ":path", "string_match": {"exact": "/p"}}}"#.to_owned(), false),
    ] {
        let rules = parse(&policy(&permission, ANY), Layer::Http).unwrap();
        assert_eq!(rules.judge(&subject).allowed, expected, "{permission}");
    }
}

#[test]
fn the_first_name_decides_and_is_told_without_white_space() {
    let any = format!(r#"{{"permissions": [{ANY}], "principals": [{ANY}]}}"#);
    let rules = format!(r#""action": "DENY", "policies": {{"b": {any}, "a a\ta": {any}}}"#);
    let rules = parse(&rules, Layer::Network).unwrap();
    let info = connection();
    let verdict = rules.judge(&Subject { connection: &info, client: info.remote, head: None });
    assert!(!verdict.allowed);
    assert_eq!(verdict.details(), "rbac_access_denied_matched_policy[a_a_a]");
}

#[test]
fn what_is_not_implemented_is_refused_by_its_field() {
    let metadata = r#"{"filter": "f", "path": [{"key": "k"}], "value": {"present_match": true}}"#;
    for (layer, permission, principal, expected) in [
        (
            Layer::Http,
            &*format!(r#"{{"metadata": {metadata}}}"#),
            ANY,
            r#"policies["p"].permissions[0].metadata: is not supported"#,
        ),
        (
            Layer::Http,
            &format!(r#"{{"and_rules": {{"rules": [{ANY}, {{"not_rule": {{"metadata": {metadata}}}}}]}}}}"#),
            ANY,
            r#"policies["p"].permissions[0].and_rules.rules[1].not_rule.metadata: is not supported"#,
        ),
        (
            Layer::Http,
            ANY,
            r#"{"filter_state": {"key": "io.istio.peer_principal", "string_match": {"exact": "x"}}}"#,
            r#"policies["p"].principals[0].filter_state: is not supported"#,
        ),
        (
            Layer::Network,
            r#"{"header": {"name": "x", "present_match": true}}"#,
            ANY,
            r#"policies["p"].permissions[0].header: a connection has none; only the HTTP filter can ask"#,
        ),
        (
            Layer::Http,
            r#"{"or_rules": {}}"#,
            ANY,
            r#"policies["p"].permissions[0].or_rules.rules: at least one is required"#,
        ),
        (Layer::Http, r#"{"any": false}"#, ANY, r#"policies["p"].permissions[0].any: must be true"#),
        (
            Layer::Http,
            r#"{"destination_port_range": {"start": 9, "end": 9}}"#,
            ANY,
            r#"policies["p"].permissions[0].destination_port_range: start must be below end"#,
        ),
        (Layer::Http, "", ANY, r#"policies["p"].permissions: at least one is required"#),
        (Layer::Http, ANY, "", r#"policies["p"].principals: at least one is required"#),
    ] {
        assert_eq!(parse(&policy(permission, principal), layer).unwrap_err(), expected);
    }
}
