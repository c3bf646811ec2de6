use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use carrick_xds::json::from_yaml;
use carrick_xds::pb::envoy::config::core::v3::{SubstitutionFormatString, substitution_format_string};
use http::{Method, Version};

use super::*;
use crate::access_log::json::JsonFormat;
use crate::access_log::{HttpLog, ResponseFlag};
use crate::connection::{ClientHello, ConnectionInfo, TlsFacts};

/// Istio's default for `accessLogFormat`.
const ISTIO: &str = "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE% \
    %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% \"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" \
    %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \
    \"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER_RAW% \
    %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn header(name: &'static str, value: &str) -> (HeaderName, HeaderValue) {
    (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
}

fn connection() -> ConnectionInfo {
    ConnectionInfo {
        id: 7,
        remote: address("10.0.0.9:4000"),
        local: address("10.0.0.1:80"),
        filter_chain: "chain".into(),
        client_hello: Some(Arc::new(ClientHello {
            server_name: Some("server.global".into()),
            ..ClientHello::default()
        })),
        ..ConnectionInfo::own(SystemTime::now())
    }
}

/// A request that went well.
fn request() -> LogEntry {
    LogEntry {
        started: Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123)),
        duration: Duration::from_micros(12_900),
        downstream: Some(Arc::new(connection())),
        bytes_received: 5,
        bytes_sent: 11,
        response_code: Some(200),
        details: Some(Cow::Borrowed("via_upstream")),
        upstream_cluster: Some("outbound|80||server.global".into()),
        upstream_host: Some(address("10.0.0.2:8080").into()),
        upstream_local: Some(address("10.0.0.1:5000")),
        upstream_first_byte: Some(Duration::from_millis(10)),
        route_name: Some("default".into()),
        http: Some(Box::new(HttpLog {
            method: Method::POST,
            path: "/v1/x?y=1".into(),
            authority: "server.global".into(),
            scheme: "http",
            version: Version::HTTP_2,
            request_id: Some("id-1".parse().unwrap()),
            request_headers: vec![
                header("x-envoy-original-path", "/x?y=1"),
                header("user-agent", "curl/8"),
                header("x-request-id", "id-1"),
            ],
            response_headers: vec![header("x-envoy-upstream-service-time", "9")],
            attempts: 1,
            upstream_version: Some(Version::HTTP_11),
            ..HttpLog::default()
        })),
        ..LogEntry::default()
    }
}

fn line(format: &str, entry: &LogEntry) -> String {
    let mut out = Vec::new();
    Format::parse(format).unwrap().render(FormatContext::finished(entry), "-", &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// A `json_format`.
fn structure(yaml: &str) -> prost_types::Struct {
    let string: SubstitutionFormatString = from_yaml(&format!("{{json_format: {yaml}}}")).unwrap();
    match string.format {
        Some(substitution_format_string::Format::JsonFormat(format)) => format,
        other => panic!("{other:?}"),
    }
}

#[test]
fn istios_line_of_a_request_that_went_well() {
    assert_eq!(
        line(ISTIO, &request()),
        "[2023-11-14T22:13:20.123Z] \"POST /x?y=1 HTTP/2\" 200 - via_upstream - \"-\" 5 11 12 9 \"-\" \"curl/8\" \"id-1\" \
         \"server.global\" \"10.0.0.2:8080\" outbound|80||server.global 10.0.0.1:5000 10.0.0.1:80 10.0.0.9:4000 \
         server.global default\n"
    );
}

#[test]
fn istios_line_of_a_connection_that_found_no_chain() {
    let entry = LogEntry {
        started: Some(SystemTime::UNIX_EPOCH),
        downstream: Some(Arc::new(connection())),
        flags: ResponseFlag::NoRouteFound.into(),
        details: Some("filter_chain_not_found".into()),
        ..LogEntry::default()
    };
    assert_eq!(
        line(ISTIO, &entry),
        "[1970-01-01T00:00:00.000Z] \"- - -\" 0 NR filter_chain_not_found - \"-\" 0 0 0 - \"-\" \"-\" \"-\" \"-\" \"-\" - - \
         10.0.0.1:80 10.0.0.9:4000 server.global -\n"
    );
}

#[test]
fn a_line_can_be_split_at_spaces_whatever_went_wrong() {
    let entry = LogEntry {
        details: Some("upstream_reset{remote connection failure|Connection refused}".into()),
        upstream_failure: Some("delayed connect error: Connection refused".into()),
        flags: [ResponseFlag::UpstreamConnectionFailure, ResponseFlag::UpstreamRetryLimitExceeded]
            .into_iter()
            .collect(),
        ..request()
    };
    assert_eq!(
        line("%RESPONSE_CODE_DETAILS% %UPSTREAM_TRANSPORT_FAILURE_REASON% %RESPONSE_FLAGS%", &entry),
        "upstream_reset{remote_connection_failure|Connection_refused} delayed_connect_error:_Connection_refused UF,URX"
    );
}

#[test]
fn json_keeps_numbers_and_knows_what_is_missing() {
    let format = structure(
        "{code: '%RESPONSE_CODE%', both: '%PROTOCOL%/%RESPONSE_CODE%', short: '%RESPONSE_CODE:1%', xff: '%REQ(X-FORWARDED-FOR)%', \
         nested: {bytes: ['%BYTES_SENT%', fixed, 1, true, null]}, text: 'a \"quoted\" %% sign', partly: 'x%REQ(nope)%y'}",
    );
    let rendered = |omit: bool| {
        let mut out = Vec::new();
        JsonFormat::from_proto(&format, omit).unwrap().render(FormatContext::finished(&request()), &mut out);
        serde_json::from_slice::<serde_json::Value>(&out).unwrap()
    };
    let with_nulls = serde_json::json!({
        "code": 200, "both": "HTTP/2/200", "short": "2", "xff": null,
        "nested": {"bytes": [11, "fixed", 1, true, null]}, "text": "a \"quoted\" % sign", "partly": "x-y",
    });
    assert_eq!(rendered(false), with_nulls);
    let mut without = with_nulls;
    without.as_object_mut().unwrap().remove("xff");
    without["partly"] = "xy".into();
    assert_eq!(rendered(true), without);
}

#[test]
fn no_header_can_break_a_line_of_json() {
    let mut entry = request();
    entry.http.as_mut().unwrap().request_headers = vec![
        header("user-agent", "a\"},{\"admin\":true,\t\\"),
        (HeaderName::from_static("x-raw"), HeaderValue::from_bytes(b"\xff\xfe").unwrap()),
    ];
    let format = structure("{agent: '%REQ(user-agent)%', raw: '%REQ(x-raw)%'}");
    let mut out = Vec::new();
    JsonFormat::from_proto(&format, false).unwrap().render(FormatContext::finished(&entry), &mut out);
    assert!(!out.contains(&b'\n') && !out.contains(&b'\t'));
    let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(value["agent"], "a\"},{\"admin\":true,\t\\");
    assert_eq!(value["raw"], "\u{fffd}\u{fffd}");
}

#[test]
fn a_header_has_a_substitute_and_a_longest_length() {
    let entry = request();
    assert_eq!(line("%REQ(x-none?user-agent)%", &entry), "curl/8");
    assert_eq!(line("%REQ(user-agent?x-none)%", &entry), "curl/8");
    assert_eq!(line("%REQ(X-None?X-Other)%", &entry), "-");
    assert_eq!(
        line("%REQ(USER-AGENT):4%|%PROTOCOL:1%|%BYTES_SENT:1%|%REQ(user-agent):0%", &entry),
        "curl|H|1|"
    );
    assert_eq!(line("%REQ(:path):99%", &entry), "/v1/x?y=1");
}

#[test]
fn addresses_come_whole_or_in_parts() {
    let entry = LogEntry { client: Some(address("[2001:db8::1]:0")), ..request() };
    assert_eq!(
        line(
            "%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS%",
            &entry
        ),
        "[2001:db8::1]:0 2001:db8::1 10.0.0.9:4000"
    );
    assert_eq!(
        line("%DOWNSTREAM_LOCAL_PORT% %UPSTREAM_REMOTE_PORT% %UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", &entry),
        "80 8080 10.0.0.2"
    );
}

#[test]
fn who_the_peers_are_comes_from_the_handshakes() {
    let tls = TlsFacts {
        version: "TLSv1.3".into(),
        peer_uri_sans: vec!["spiffe://a".into(), "spiffe://b".into()],
        peer_certificate_sha256: Some("ab12".into()),
        ..TlsFacts::default()
    };
    let entry = LogEntry {
        downstream: Some(Arc::new(ConnectionInfo { tls: Some(Arc::new(tls)), ..connection() })),
        ..request()
    };
    assert_eq!(
        line(
            "%DOWNSTREAM_PEER_URI_SAN% %DOWNSTREAM_PEER_FINGERPRINT_256% %DOWNSTREAM_TLS_VERSION% %UPSTREAM_PEER_URI_SAN% %DOWNSTREAM_PEER_DNS_SAN%",
            &entry
        ),
        "spiffe://a,spiffe://b ab12 TLSv1.3 - -"
    );
}

#[test]
fn times_are_written_as_asked() {
    let entry = LogEntry {
        started: Some(SystemTime::UNIX_EPOCH + Duration::from_nanos(1_704_067_205_012_345_678)),
        ..request()
    };
    for (format, text) in [
        ("%START_TIME%", "2024-01-01T00:00:05.012Z"),
        ("%START_TIME()%", "2024-01-01T00:00:05.012Z"),
        ("%START_TIME(%Y/%m/%dT%H:%M:%S%z %s)%", "2024/01/01T00:00:05+0000 1704067205"),
        ("%START_TIME(%s.%3f)%", "1704067205.012"),
        ("%START_TIME(%s.%6f)% %START_TIME(%9f)% %START_TIME(%f)%", "1704067205.012345 012345678 012345678"),
        ("%START_TIME(%E3S %a %b %j %F %T %Z)%", "05.012 Mon Jan 001 2024-01-01 00:00:05 UTC"),
    ] {
        assert_eq!(line(format, &entry), text, "{format}");
    }
    assert_eq!(line("%START_TIME%", &LogEntry { started: None, ..request() }), "-");
}

#[test]
fn a_percent_sign_is_written_twice() {
    assert_eq!(line("100%% of %%PROTOCOL%%", &request()), "100% of %PROTOCOL%");
    assert_eq!(Format::parse("a%%b").unwrap().literal(), Some("a%b"));
    assert_eq!(Format::parse("").unwrap().literal(), Some(""));
}

#[test]
fn what_is_not_understood_is_refused_and_never_left_out() {
    for (format, reason) in [
        ("%NONSENSE%", "operator %NONSENSE% is not supported"),
        ("%PROTOCOL", "no operator can be read at %PROTOCOL"),
        ("50% of", "no operator can be read at % of"),
        ("%", "no operator can be read at %"),
        ("%REQ%", "needs a header name"),
        ("%REQ(a b)%", "not a header name"),
        ("%REQ(a", "no operator can be read at %REQ(a"),
        ("%PROTOCOL(x)%", "takes no argument"),
        ("%PROTOCOL:x%", "not a length"),
        ("%PROTOCOL:-1%", "not a length"),
        ("%START_TIME(%Q)%", "time specifier %Q is not supported"),
        ("%DYNAMIC_METADATA(a:b)%", "operator %DYNAMIC_METADATA% is not supported"),
    ] {
        let error = Format::parse(format).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(reason), "{format}: {error}");
    }
}

#[test]
fn a_format_says_which_headers_it_will_ask_for() {
    let mut wanted = WantedHeaders::default();
    Format::parse(ISTIO).unwrap().want(&mut wanted);
    Format::parse("%TRAILER(grpc-status)% %REQ(User-Agent)%").unwrap().want(&mut wanted);
    assert_eq!(wanted.request, ["x-envoy-original-path", "x-forwarded-for", "user-agent", "x-request-id"]);
    assert_eq!(wanted.response, ["x-envoy-upstream-service-time"]);
    assert_eq!(wanted.trailers, ["grpc-status"]);
}
