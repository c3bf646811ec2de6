//! What routes say, over the wire.

use std::collections::BTreeMap;

use crate::client::{address, ask, connect, in_front_of};
use crate::fixtures::curl::curl_prints;
use crate::fixtures::echo::http1;
use crate::fixtures::yaml::listener;
use crate::fixtures::{bootstrap, cluster, finished, start};

#[tokio::test]
async fn redirects_and_direct_answers_need_no_upstream() {
    let routes = "{match: {path: /old}, redirect: {path_redirect: /new, response_code: FOUND}}, \
        {match: {path: /new}, direct_response: {status: 200, body: {inline_string: here}}}";
    let proxy = start(&bootstrap(&[listener("", "", routes)], &[])).await;
    let url = format!("http://{}/old", address(&proxy));
    assert_eq!(curl_prints(&["--location", &url], b"").await, "here");
}

#[tokio::test]
async fn weights_share_requests_out() {
    let routes = "{match: {prefix: /}, route: {weighted_clusters: {clusters: [{name: few, weight: 10}, {name: many, weight: 90}]}}}";
    let clusters =
        [cluster("few", &[http1::echo("few").await], ""), cluster("many", &[http1::echo("many").await], "")];
    let proxy = start(&bootstrap(&[listener("", "", routes)], &clusters)).await;
    let mut reader = connect(&proxy).await;
    let mut counts = BTreeMap::new();
    for _ in 0..300 {
        let response = ask(&mut reader, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        *counts.entry(response.header("x-upstream").unwrap().to_owned()).or_insert(0) += 1;
    }
    assert!((5..80).contains(&counts["few"]), "{counts:?}");
}

#[tokio::test]
async fn a_host_that_fails_is_tried_again_elsewhere() {
    let dead = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let retry = "retry_policy: {retry_on: 'connect-failure', num_retries: 3, retry_host_predicate: \
        [{name: envoy.retry_host_predicates.previous_hosts, typed_config: {'@type': \
        type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}}], \
        retry_back_off: {base_interval: 0.001s}}";
    let routes = format!("{{match: {{prefix: /}}, route: {{cluster: app, {retry}}}}}");
    let clusters = [cluster("app", &[dead, http1::echo("app").await], "")];
    let proxy = start(&bootstrap(&[listener("", "", &routes)], &clusters)).await;
    let mut reader = connect(&proxy).await;
    for n in 0..10 {
        let request = format!("POST /{n} HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody");
        let response = ask(&mut reader, &request).await;
        assert!(response.status == 200 && response.body.ends_with("body"), "{n}: {response:?}");
    }
}

#[tokio::test]
async fn a_body_too_large_to_remember_is_sent_once() {
    let retry = "retry_policy: {retry_on: 5xx, num_retries: 3, retry_back_off: {base_interval: 0.001s}}";
    let routes = format!("{{match: {{prefix: /}}, route: {{cluster: app, {retry}}}}}");
    let clusters = [cluster("app", &[http1::echo("app").await], "")];
    let proxy = start(&bootstrap(&[listener("", "", &routes)], &clusters)).await;
    let post = |size: usize| {
        format!(
            "POST /do/503?{size} HTTP/1.1\r\nhost: a\r\ncontent-length: {size}\r\n\r\n{}",
            "x".repeat(size)
        )
    };
    assert_eq!(ask(&mut connect(&proxy).await, &post(100)).await.status, 503);
    assert_eq!(ask(&mut connect(&proxy).await, &post(300_000)).await.status, 503);
    let small = finished(&proxy, |record| record.path.as_deref() == Some("/do/503?100")).await;
    let large = finished(&proxy, |record| record.path.as_deref() == Some("/do/503?300000")).await;
    assert_eq!((small.response_flags.as_str(), large.response_flags.as_str()), ("URX", "-"));
}

#[tokio::test]
async fn the_access_log_has_a_line_for_each_request_and_each_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let log = format!(
        "access_log: [{{name: f, typed_config: {{'@type': type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, \
         path: '{}', log_format: {{text_format_source: {{inline_string: \"%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% \
         %BYTES_RECEIVED% %RESPONSE_CODE_DETAILS%\\n\"}}}}}}}}],",
        path.display()
    );
    let proxy = in_front_of(http1::echo("app").await, &log).await;
    let mut reader = connect(&proxy).await;
    ask(&mut reader, "POST /one HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody").await;
    ask(&mut reader, "GET /do/nothing HTTP/1.1\r\nhost: a\r\n\r\n").await;
    ask(&mut reader, "GET  / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let lines = || std::fs::read_to_string(&path).unwrap_or_default();
    crate::fixtures::eventually(async || lines().lines().count() == 3).await;
    assert_eq!(
        lines(),
        "POST /one 200 - 4 via_upstream\n\
         GET /do/nothing 503 UC 0 upstream_reset_before_response_started{connection_termination}\n\
         GET - 400 DPE 0 http1.codec_error\n"
    );
}
