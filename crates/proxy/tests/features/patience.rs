//! Timeouts and retries: how long a request may take, and when it is tried again.

use std::time::{Duration, Instant};

use crate::fixtures::yaml::http;
use crate::fixtures::{bootstrap, cluster, nobody};
use crate::server::Server;
use crate::subjects::both;

fn route(name: &str, action: &str) -> String {
    format!("{{name: {name}, match: {{prefix: /{name}}}, route: {{cluster: b, {action}}}}}")
}

#[tokio::test]
async fn every_timeout_has_its_own_words() {
    let server = Server::start("b").await;
    let routes = [
        route("whole", "timeout: 0.2s"),
        route("try", "retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.2s}"),
        route("idle", "timeout: 0s, idle_timeout: 0.2s"),
        route("stream", "timeout: 0s, max_stream_duration: {max_stream_duration: 0.2s}"),
    ];
    let yaml = bootstrap(&[http("", &routes.join(", "))], &[cluster("b", &[server.address], "")]);
    for subject in &both(&yaml).await {
        for (n, (path, body, logged)) in [
            ("/whole", "upstream request timeout", "504 UT response_timeout whole b"),
            ("/try", "upstream request timeout", "504 URX,UT upstream_per_try_timeout try b"),
            ("/idle", "stream timeout", "504 SI stream_idle_timeout idle b"),
            ("/stream", "downstream duration timeout", "504 - max_duration_timeout stream b"),
        ]
        .iter()
        .enumerate()
        {
            let reply = subject.get(path, &["-H", "x-wait: 2000"]).await;
            assert_eq!((reply.status, reply.body.as_str()), (504, *body), "{}: {path}", subject.name);
            assert_eq!(subject.logged(n + 1).await, *logged, "{}", subject.name);
        }
    }
}

#[tokio::test]
async fn a_retry_goes_to_another_host_after_a_pause() {
    let (bad, good) = (Server::failing("bad", 503).await, Server::start("good").await);
    let policy = "retry_policy: {retry_on: retriable-status-codes, retriable_status_codes: [503, 409], num_retries: 3, \
        retry_host_predicate: [{name: envoy.retry_host_predicates.previous_hosts, typed_config: {'@type': \
        type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}}], \
        host_selection_retry_max_attempts: 5}";
    let routes = [
        route("elsewhere", policy),
        route(
            "slowly",
            "retry_policy: {retry_on: 5xx, num_retries: 2, retry_back_off: {base_interval: 0.1s, max_interval: 0.1s}}",
        ),
    ];
    let cluster = cluster("b", &[bad.address, good.address], "");
    let yaml = bootstrap(&[http("", &routes.join(", "))], &[cluster]);
    for subject in &both(&yaml).await {
        for _ in 0..6 {
            assert_eq!(subject.get("/elsewhere", &[]).await.body, "good", "{}", subject.name);
        }
        bad.take();
        good.take();
        assert_eq!(subject.get("/elsewhere", &["-H", "x-status: 409"]).await.status, 409, "{}", subject.name);
        assert_eq!(bad.take().len() + good.take().len(), 4, "{}", subject.name);
        assert_eq!(subject.get("/elsewhere", &["-H", "x-status: 500"]).await.status, 500, "{}", subject.name);
        assert_eq!(bad.take().len() + good.take().len(), 1, "{}", subject.name);
        let began = Instant::now();
        assert_eq!(subject.get("/slowly", &["-H", "x-status: 500"]).await.status, 500, "{}", subject.name);
        assert!(began.elapsed() < Duration::from_secs(5), "{}", subject.name);
        assert_eq!(bad.take().len() + good.take().len(), 3, "{}", subject.name);
    }
}

#[tokio::test]
async fn a_host_that_is_down_is_passed_over() {
    let (down, up) = (nobody().await, Server::start("up").await);
    let policy = "retry_policy: {retry_on: connect-failure, num_retries: 4, retry_host_predicate: \
        [{name: envoy.retry_host_predicates.previous_hosts, typed_config: {'@type': \
        type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}}]}";
    let yaml = bootstrap(&[http("", &route("r", policy))], &[cluster("b", &[down, up.address], "")]);
    for subject in &both(&yaml).await {
        for _ in 0..6 {
            assert_eq!(subject.get("/r", &["-d", "body"]).await.body, "up", "{}", subject.name);
        }
        assert!(up.take().iter().all(|seen| seen.body == "body"), "{}", subject.name);
    }
}
