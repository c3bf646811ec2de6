//! HTTP/1.1 and HTTP/2 in each direction, with curl as the client.

use crate::client::address;
use crate::fixtures::curl::curl_prints;
use crate::fixtures::echo::{http1, http2};
use crate::fixtures::yaml::{HTTP2, listener};
use crate::fixtures::{bootstrap, cluster, finished, start};

const VERSIONS: [&str; 2] = ["--http1.1", "--http2-prior-knowledge"];

/// A proxy with an upstream of each version: `/1` and `/2`.
async fn both() -> carrick_proxy::runtime::Proxy {
    let routes = "{match: {prefix: /1}, route: {cluster: one}}, {match: {prefix: /2}, route: {cluster: two}}, \
        {match: {prefix: /h2/}, route: {cluster: two}}";
    let clusters =
        [cluster("one", &[http1::echo("one").await], ""), cluster("two", &[http2::echo("two").await], HTTP2)];
    start(&bootstrap(&[listener("", "", routes)], &clusters)).await
}

#[tokio::test]
async fn a_request_arrives_as_it_was_sent_in_all_four_mixes() {
    let proxy = both().await;
    for version in VERSIONS {
        for (path, protocol) in [("/1/x?y=z", "HTTP/1.1"), ("/2/x?y=z", "HTTP/2.0")] {
            let url = format!("http://{}{path}", address(&proxy));
            let told =
                curl_prints(&[version, "-H", "Host: a.example", "-H", "X-Mine: 1", "-d", "body", &url], b"")
                    .await;
            let lines: Vec<&str> = told.split("\r\n").collect();
            let (method, target) = lines[0].split_once(' ').unwrap();
            assert_eq!(method, "POST");
            assert!(target.ends_with(protocol) && target.contains(path), "{version} {path}: {told}");
            assert!(told.contains("a.example") && lines.contains(&"x-mine: 1"), "{version} {path}: {told}");
            assert!(told.ends_with("body"), "{version} {path}: {told}");
        }
    }
}

#[tokio::test]
async fn large_bodies_arrive_whole_in_all_four_mixes() {
    let proxy = both().await;
    let body: Vec<u8> = (0..3 << 20).map(|n: u32| b'a' + (n % 26) as u8).collect();
    let body_text = String::from_utf8(body.clone()).unwrap();
    for version in VERSIONS {
        for path in ["/1", "/2"] {
            let url = format!("http://{}{path}", address(&proxy));
            let told = curl_prints(&[version, "--data-binary", "@-", "-H", "Expect:", &url], &body).await;
            assert!(told.ends_with(&body_text), "{version} {path}: {} bytes came back", told.len());
        }
    }
}

#[tokio::test]
async fn head_has_the_head_of_get_and_no_body_in_all_four_mixes() {
    let proxy = both().await;
    for version in VERSIONS {
        for path in ["/1", "/2"] {
            let url = format!("http://{}{path}", address(&proxy));
            let head = curl_prints(&[version, "--head", &url], b"").await;
            assert!(head.contains(" 200") && head.contains("x-upstream: "), "{version} {path}: {head}");
        }
    }
}

#[tokio::test]
async fn the_record_tells_both_versions() {
    let proxy = both().await;
    let url = format!("http://{}/2/recorded", address(&proxy));
    curl_prints(&["--http1.1", &url], b"").await;
    let record = finished(&proxy, |record| record.path.as_deref() == Some("/2/recorded")).await;
    assert_eq!(
        (record.kind.as_str(), record.response_code, record.cluster.as_deref()),
        ("http", Some(200), Some("two"))
    );
    assert!(record.upstream_connect_micros.is_some() && record.bytes_sent > 0);
}

#[tokio::test]
async fn an_old_client_is_told_to_upgrade_or_served_if_that_is_allowed() {
    let app = http1::echo("app").await;
    let strict = crate::client::in_front_of(app, "").await;
    let code = ["--http1.0", "--output", "/dev/null", "--write-out", "%{http_code}"];
    let ask = |url: String| async move { curl_prints(&[&code[..], &[url.as_str()]].concat(), b"").await };
    assert_eq!(ask(format!("http://{}/", address(&strict))).await, "426");
    let lenient = crate::client::in_front_of(app, "http_protocol_options: {accept_http_10: true},").await;
    assert_eq!(ask(format!("http://{}/", address(&lenient))).await, "200");
}
