//! Outlier detection: a host that keeps failing is left out for a while.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::fixtures::yaml::http;
use crate::fixtures::{bootstrap, cluster, eventually, nobody};
use crate::server::Server;
use crate::subjects::{Subject, both};

const ROUTE: &str = "{name: all, match: {prefix: /}, route: {cluster: b}}";

fn detection(fields: &str) -> String {
    format!(
        ", outlier_detection: {{enforcing_success_rate: 0, {fields}}}, \
         common_lb_config: {{healthy_panic_threshold: {{value: 0}}}}"
    )
}

async fn status(subject: &Subject, arguments: &[&str]) -> u16 {
    subject.get("/", arguments).await.status
}

#[tokio::test]
async fn a_host_goes_after_errors_in_a_row_and_comes_back() {
    let server = Server::start("b").await;
    let detection =
        detection("consecutive_5xx: 3, max_ejection_percent: 100, base_ejection_time: 0.2s, interval: 0.1s");
    let yaml = bootstrap(&[http("", ROUTE)], &[cluster("b", &[server.address], &detection)]);
    for subject in &both(&yaml).await {
        let name = subject.name;
        for wanted in ["500", "501", "200", "500", "404", "500", "500"] {
            let reply = status(subject, &["-H", &format!("x-status: {wanted}")]).await;
            assert_eq!(reply.to_string(), wanted, "{name}: no three errors in a row");
        }
        assert_eq!(status(subject, &["-H", "x-status: 500"]).await, 500, "{name}: the third");
        eventually(async || subject.get("/", &[]).await.body == "no healthy upstream").await;
        eventually(async || status(subject, &[]).await == 200).await;
    }
}

#[tokio::test]
async fn the_others_carry_on_without_it() {
    let (good, bad) = (Server::start("good").await, Server::failing("bad", 503).await);
    let detection = detection(
        "consecutive_gateway_failure: 2, enforcing_consecutive_gateway_failure: 100, enforcing_consecutive_5xx: 0, \
        max_ejection_percent: 50, base_ejection_time: 600s, max_ejection_time: 600s",
    );
    let yaml = bootstrap(&[http("", ROUTE)], &[cluster("b", &[good.address, bad.address], &detection)]);
    for subject in &both(&yaml).await {
        eventually(async || {
            bad.take();
            for _ in 0..6 {
                status(subject, &[]).await;
            }
            bad.count() == 0
        })
        .await;
        for _ in 0..6 {
            assert_eq!(status(subject, &[]).await, 200, "{}", subject.name);
        }
    }
}

#[tokio::test]
async fn no_more_hosts_go_than_may() {
    let (a, b) = (Server::failing("a", 500).await, Server::failing("b", 500).await);
    // One of two is more than the default of 10 percent.
    let detection = detection("consecutive_5xx: 1");
    let yaml = bootstrap(&[http("", ROUTE)], &[cluster("b", &[a.address, b.address], &detection)]);
    for subject in &both(&yaml).await {
        for _ in 0..8 {
            assert_eq!(status(subject, &[]).await, 500, "{}", subject.name);
        }
        assert!(!a.take().is_empty() && !b.take().is_empty(), "{}", subject.name);
    }
}

#[tokio::test]
async fn a_host_that_takes_no_connections_goes_too() {
    let down = nobody().await;
    for fields in [
        "consecutive_5xx: 2",
        "consecutive_5xx: 2, consecutive_local_origin_failure: 2, split_external_local_origin_errors: true, \
         enforcing_local_origin_success_rate: 0",
    ] {
        let detection = detection(&format!("{fields}, max_ejection_percent: 100, base_ejection_time: 60s"));
        let yaml = bootstrap(&[http("", ROUTE)], &[cluster("b", &[down], &detection)]);
        for subject in &both(&yaml).await {
            let body = subject.get("/", &[]).await.body;
            assert!(body.ends_with("reset reason: remote connection failure"), "{}: {body}", subject.name);
            eventually(async || subject.get("/", &[]).await.body == "no healthy upstream").await;
        }
    }
}

/// A server that promises more than it sends.
async fn breaks_off() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await?;
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc").await
            });
        }
    });
    address
}

#[tokio::test]
async fn an_answer_that_breaks_off_counts_too() {
    let server = breaks_off().await;
    let detection = detection("consecutive_5xx: 1, max_ejection_percent: 100, base_ejection_time: 60s");
    let yaml = bootstrap(&[http("", ROUTE)], &[cluster("b", &[server], &detection)]);
    for subject in &both(&yaml).await {
        assert_eq!(subject.get("/", &[]).await.body, "abc", "{}", subject.name);
        eventually(async || subject.get("/", &[]).await.body == "no healthy upstream").await;
    }
}

#[tokio::test]
async fn the_next_priority_takes_over() {
    let (first, second) = (Server::failing("first", 500).await, Server::start("second").await);
    let group = |server: &Server, priority: u32| {
        format!(
            "{{priority: {priority}, lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {}}}}}}}}}]}}",
            server.address.port()
        )
    };
    let detection = detection("consecutive_5xx: 2, max_ejection_percent: 100, base_ejection_time: 60s");
    let cluster = format!(
        "{{name: b, type: STATIC, load_assignment: {{cluster_name: b, endpoints: [{}, {}]}}{detection}}}",
        group(&first, 0),
        group(&second, 1)
    );
    for subject in &both(&bootstrap(&[http("", ROUTE)], &[cluster])).await {
        assert_eq!(status(subject, &[]).await, 500, "{}", subject.name);
        eventually(async || status(subject, &[]).await == 200).await;
        first.take();
        for _ in 0..10 {
            assert_eq!(subject.get("/", &[]).await.body, "second", "{}", subject.name);
        }
        assert_eq!(first.count(), 0, "{}", subject.name);
    }
}
