//! Circuit breakers: what is too much is refused at once, and says so.

use crate::fixtures::curl::curl;
use crate::fixtures::yaml::{http, log};
use crate::fixtures::{ANY_PORT, bootstrap, cluster, eventually};
use crate::server::Server;
use crate::subjects::{Subject, both};

const ROUTE: &str = "{name: all, match: {prefix: /}, route: {cluster: b}}";
const OVERFLOW: &str = "upstream connect error or disconnect/reset before headers. reset reason: overflow";

async fn with(thresholds: &str, route: &str) -> (Server, [Subject; 2]) {
    let server = Server::start("b").await;
    let limits = format!(", circuit_breakers: {{thresholds: [{{{thresholds}}}]}}");
    let yaml = bootstrap(&[http("", route)], &[cluster("b", &[server.address], &limits)]);
    (server, both(&yaml).await)
}

/// While one request is being served: what three more get, in order.
async fn three_more(server: &Server, subject: &Subject) -> Vec<u16> {
    server.take();
    let held = async { subject.get("/held", &["-H", "x-wait: 2000"]).await.status };
    let more = async {
        eventually(async || server.count() > 0).await;
        let (a, b, c) = tokio::join!(subject.get("/1", &[]), subject.get("/2", &[]), subject.get("/3", &[]));
        for refused in [&a, &b, &c].into_iter().filter(|reply| reply.status != 200) {
            assert_eq!(refused.body, OVERFLOW, "{}", subject.name);
            assert_eq!(refused.header("x-envoy-overloaded"), Some("true"), "{}", subject.name);
        }
        let mut statuses = [a, b, c].map(|reply| reply.status).to_vec();
        statuses.sort();
        statuses
    };
    let (held, more) = tokio::join!(held, more);
    assert_eq!(held, 200, "{}", subject.name);
    more
}

#[tokio::test]
async fn only_so_many_requests_wait_for_a_connection() {
    let (server, subjects) = with("max_connections: 1, max_pending_requests: 1", ROUTE).await;
    for subject in &subjects {
        assert_eq!(three_more(&server, subject).await, [200, 503, 503], "{}", subject.name);
    }
    assert_eq!(server.connections(), 2, "one for each proxy");
}

#[tokio::test]
async fn only_so_many_requests_are_in_progress() {
    let (server, subjects) = with("max_requests: 2", ROUTE).await;
    for subject in &subjects {
        // The one that passes may be over before another begins.
        assert!(three_more(&server, subject).await.contains(&200), "{}", subject.name);
    }
    let (server, subjects) = with("max_requests: 1", ROUTE).await;
    for subject in &subjects {
        assert_eq!(three_more(&server, subject).await, [503, 503, 503], "{}", subject.name);
    }
}

#[tokio::test]
async fn nothing_may_wait_where_the_limit_is_zero_but_a_host_always_gets_one_connection() {
    let (server, subjects) = with("max_pending_requests: 0", ROUTE).await;
    for subject in &subjects {
        let refused = subject.get("/", &[]).await;
        assert_eq!((refused.status, refused.body.as_str()), (503, OVERFLOW), "{}", subject.name);
        assert_eq!(
            subject.logged(1).await,
            "503 UO upstream_reset_before_response_started{overflow} all b",
            "{}",
            subject.name
        );
    }
    assert_eq!(server.count(), 0);
    let (_server, subjects) = with("max_connections: 0", ROUTE).await;
    for subject in &subjects {
        assert_eq!(subject.get("/", &[]).await.status, 200, "{}", subject.name);
    }
}

#[tokio::test]
async fn retries_have_limits_of_their_own() {
    let route =
        "{name: all, match: {prefix: /}, route: {cluster: b, retry_policy: {retry_on: 5xx, num_retries: 2}}}";
    for (limits, attempts, flags) in [
        ("max_retries: 0", 1, "UO"),
        ("retry_budget: {budget_percent: {value: 0}, min_retry_concurrency: 0}", 1, "UO"),
        ("retry_budget: {budget_percent: {value: 0}, min_retry_concurrency: 1}", 3, "URX"),
        ("max_retries: 1", 3, "URX"),
    ] {
        let (server, subjects) = with(limits, route).await;
        for subject in &subjects {
            let reply = subject.get("/", &["-H", "x-status: 500"]).await;
            assert_eq!((reply.status, server.take().len()), (500, attempts), "{}: {limits}", subject.name);
            assert_eq!(
                subject.logged(1).await,
                format!("500 {flags} via_upstream all b"),
                "{}",
                subject.name
            );
        }
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed() {
    let server = Server::start("b").await;
    let listener = format!(
        "{{name: tcp, {ANY_PORT}, filter_chains: [{{filters: [{{name: tcp, typed_config: {{\
         '@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: b, \
         access_log: [{}]}}}}]}}]}}",
        log("%RESPONSE_FLAGS%")
    );
    let limits = ", circuit_breakers: {thresholds: [{max_connections: 0}]}";
    for subject in &both(&bootstrap(&[listener], &[cluster("b", &[server.address], limits)])).await {
        assert_eq!(
            curl(&[&format!("http://{}/", subject.address("tcp"))]).await.status,
            0,
            "{}",
            subject.name
        );
        assert!(subject.logged(1).await.contains("UO"), "{}", subject.name);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_connection_carries_only_so_many_requests() {
    for version in ["http_protocol_options", "http2_protocol_options"] {
        let server = Server::start("b").await;
        let options = format!(
            ", typed_extension_protocol_options: {{envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {{\
             '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, \
             common_http_protocol_options: {{max_requests_per_connection: 2}}, explicit_http_config: {{{version}: {{}}}}}}}}"
        );
        let yaml = bootstrap(&[http("", ROUTE)], &[cluster("b", &[server.address], &options)]);
        for (n, subject) in both(&yaml).await.iter().enumerate() {
            for _ in 0..6 {
                assert_eq!(subject.get("/", &[]).await.status, 200, "{}", subject.name);
            }
            assert_eq!(server.connections(), 3 * (n + 1), "{}: {version}", subject.name);
        }
    }
}
