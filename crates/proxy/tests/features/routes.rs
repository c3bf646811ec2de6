//! What routes do with requests: redirect, rewrite, answer, and share out.

use std::collections::BTreeMap;

use crate::fixtures::yaml::{http, http_with};
use crate::fixtures::{bootstrap, cluster};
use crate::server::Server;
use crate::subjects::both;

#[tokio::test]
async fn redirects_change_what_they_name_and_keep_the_rest() {
    let actions = [
        ("host", "host_redirect: b.test"),
        ("port", "port_redirect: 8443"),
        ("both", "host_redirect: b.test, port_redirect: 8443, response_code: FOUND"),
        ("https", "https_redirect: true"),
        ("scheme", "scheme_redirect: https, response_code: SEE_OTHER"),
        ("path", "path_redirect: /new, response_code: TEMPORARY_REDIRECT"),
        ("query", "path_redirect: '/new?z=1', response_code: PERMANENT_REDIRECT"),
        ("prefix", "prefix_rewrite: /other/"),
        ("regex", "regex_rewrite: {pattern: {regex: '^/regex/(.)(.*)$'}, substitution: '/\\2/\\1'}"),
        ("strip", "host_redirect: b.test, strip_query: true"),
    ];
    let route = |(name, action): &(&str, &str)| {
        format!("{{name: {name}, match: {{prefix: /{name}/}}, redirect: {{{action}}}}}")
    };
    let routes: Vec<_> = actions.iter().map(route).collect();
    for subject in &both(&bootstrap(&[http("", &routes.join(", "))], &[])).await {
        for (path, host, status, location) in [
            ("/host/x?q=1", "a.test:81", 301, "http://b.test/host/x?q=1"),
            ("/port/x?q=1", "a.test:81", 301, "http://a.test:8443/port/x?q=1"),
            ("/both/x", "a.test", 302, "http://b.test:8443/both/x"),
            ("/https/x", "a.test:80", 301, "https://a.test/https/x"),
            ("/https/x", "a.test:81", 301, "https://a.test:81/https/x"),
            ("/https/x", "[::1]:80", 301, "https://[::1]/https/x"),
            ("/scheme/x", "a.test", 303, "https://a.test/scheme/x"),
            ("/path/x?q=1", "a.test", 307, "http://a.test/new?q=1"),
            ("/query/x?q=1", "a.test", 308, "http://a.test/new?z=1"),
            ("/prefix/x/y?q=1", "a.test", 301, "http://a.test/other/x/y?q=1"),
            ("/regex/xyz?q=1", "a.test", 301, "http://a.test/yz/x?q=1"),
            ("/strip/x?q=1", "a.test", 301, "http://b.test/strip/x"),
        ] {
            let reply = subject.get(path, &["-H", &format!("host: {host}")]).await;
            let got = (reply.status, reply.header("location").unwrap_or_default());
            assert_eq!(got, (status, location), "{}: {host}{path}", subject.name);
        }
    }
}

#[tokio::test]
async fn paths_and_hosts_are_rewritten_and_the_old_ones_are_told() {
    let server = Server::start("b").await;
    let routes = [
        "{match: {prefix: /api/}, route: {cluster: b, prefix_rewrite: /}}",
        "{match: {path: /exact}, route: {cluster: b, prefix_rewrite: /other}}",
        "{match: {safe_regex: {regex: '/users/[0-9]+/.*'}}, route: {cluster: b, \
            regex_rewrite: {pattern: {regex: '/users/([0-9]+)/(.*)'}, substitution: '/\\2/of/\\1'}}}",
        "{match: {prefix: /host}, route: {cluster: b, host_rewrite_literal: new.test, append_x_forwarded_host: true}}",
        "{match: {prefix: /same}, route: {cluster: b}}",
    ];
    let yaml = bootstrap(&[http("", &routes.join(", "))], &[cluster("b", &[server.address], "")]);
    for subject in &both(&yaml).await {
        for (path, rewritten, host, told) in [
            ("/api/v1?q=/api/", "/v1?q=/api/", "a.test", Some("/api/v1?q=/api/")),
            ("/exact?q", "/other?q", "a.test", Some("/exact?q")),
            ("/users/12/orders?q=1", "/orders/of/12?q=1", "a.test", Some("/users/12/orders?q=1")),
            ("/host/x", "/host/x", "new.test", None),
            ("/same?q", "/same?q", "a.test", None),
        ] {
            assert_eq!(
                subject.get(path, &["-H", "host: a.test"]).await.status,
                200,
                "{}: {path}",
                subject.name
            );
            let seen = server.take().remove(0);
            assert_eq!((seen.path.as_str(), seen.authority.as_str()), (rewritten, host), "{}", subject.name);
            assert_eq!(seen.header("x-envoy-original-path"), told, "{}: {path}", subject.name);
            let old_host = (host != "a.test").then_some("a.test");
            assert_eq!(seen.header("x-forwarded-host"), old_host, "{}: {path}", subject.name);
            assert_eq!(seen.header("x-envoy-original-host"), old_host, "{}: {path}", subject.name);
        }
    }
}

#[tokio::test]
async fn direct_responses_have_bodies_and_headers() {
    let host = "{name: v, domains: ['*'], response_headers_to_add: [{header: {key: x-host, value: h}}], routes: [\
        {name: json, match: {path: /json}, direct_response: {status: 418, body: {inline_string: '{}'}}, \
         response_headers_to_add: [{append_action: OVERWRITE_IF_EXISTS_OR_ADD, header: {key: content-type, value: application/json}}]}, \
        {name: bytes, match: {path: /bytes}, direct_response: {status: 200, body: {inline_bytes: aGVsbG8=}}}, \
        {name: empty, match: {path: /empty}, direct_response: {status: 204}}]}";
    for subject in &both(&bootstrap(&[http_with("", host, "")], &[])).await {
        let name = subject.name;
        let json = subject.get("/json", &[]).await;
        assert_eq!((json.status, json.body.as_str()), (418, "{}"), "{name}");
        assert_eq!(
            (json.header("content-type"), json.header("x-host")),
            (Some("application/json"), Some("h")),
            "{name}"
        );
        assert_eq!(subject.logged(1).await, "418 - direct_response json -", "{name}");
        let bytes = subject.get("/bytes", &[]).await;
        assert_eq!(
            (bytes.body.as_str(), bytes.header("content-type")),
            ("hello", Some("text/plain")),
            "{name}"
        );
        let empty = subject.get("/empty", &[]).await;
        assert_eq!(
            (empty.status, empty.header("content-type"), empty.body.as_str()),
            (204, None, ""),
            "{name}"
        );
        assert_eq!(subject.get("/other", &[]).await.status, 404, "{name}");
        assert_eq!(subject.logged(4).await, "404 NR route_not_found - -", "{name}");
    }
}

#[tokio::test]
async fn weights_share_requests_out_each_with_its_own_headers() {
    let (few, many) = (Server::start("few").await, Server::start("many").await);
    let routes = "{match: {prefix: /}, request_headers_to_add: [{header: {key: x-level, value: route}}], route: {weighted_clusters: {clusters: [\
        {name: few, weight: 1, request_headers_to_add: [{header: {key: x-level, value: few}}], \
         response_headers_to_add: [{header: {key: x-by, value: few}}], host_rewrite_literal: few.test}, \
        {name: none, weight: 0}, \
        {name: many, weight: 3, request_headers_to_remove: [x-secret], response_headers_to_remove: [x-server]}]}}}";
    let clusters =
        [cluster("few", &[few.address], ""), cluster("many", &[many.address], ""), cluster("none", &[], "")];
    for subject in &both(&bootstrap(&[http("", routes)], &clusters)).await {
        let mut counts = BTreeMap::new();
        for _ in 0..60 {
            let reply = subject.get("/", &["-H", "host: a.test", "-H", "x-secret: s"]).await;
            *counts.entry(reply.body.clone()).or_insert(0) += 1;
            match reply.body.as_str() {
                "few" => {
                    let seen = few.take().remove(0);
                    assert_eq!((reply.header("x-by"), reply.header("x-server")), (Some("few"), Some("few")));
                    assert_eq!((seen.authority.as_str(), seen.header("x-secret")), ("few.test", Some("s")));
                    let levels: Vec<_> = seen
                        .headers
                        .iter()
                        .filter(|(name, _)| name == "x-level")
                        .map(|(_, value)| value.as_str())
                        .collect();
                    assert_eq!(levels, ["few", "route"], "{}", subject.name);
                }
                _ => {
                    let seen = many.take().remove(0);
                    assert_eq!((reply.header("x-by"), reply.header("x-server")), (None, None));
                    assert_eq!((seen.authority.as_str(), seen.header("x-secret")), ("a.test", None));
                }
            }
        }
        // Outside of that once in a million.
        assert!((2..36).contains(&counts["few"]), "{}: {counts:?}", subject.name);
    }
}

#[tokio::test]
async fn a_virtual_host_may_insist_on_tls() {
    let host = "{name: v, domains: ['*'], require_tls: ALL, routes: [{match: {prefix: /}, direct_response: {status: 200}}]}";
    for subject in &both(&bootstrap(&[http_with("", host, "")], &[])).await {
        let reply = subject.get("/p?q", &["-H", "host: a.test"]).await;
        assert_eq!(
            (reply.status, reply.header("location")),
            (301, Some("https://a.test/p?q")),
            "{}",
            subject.name
        );
    }
}
