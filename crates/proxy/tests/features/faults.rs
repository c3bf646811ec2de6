//! Fault injection: delays and errors on purpose.

use std::time::{Duration, Instant};

use crate::fixtures::yaml::{filter, http};
use crate::fixtures::{bootstrap, cluster};
use crate::server::Server;
use crate::subjects::both;

fn fault(fields: &str) -> String {
    format!(
        "typed_per_filter_config: {{f: {{'@type': type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault, {fields}}}}}"
    )
}

fn route(name: &str, more: &str) -> String {
    format!("{{name: {name}, match: {{prefix: /{name}}}, route: {{cluster: b}}, {more}}}")
}

#[tokio::test]
async fn routes_abort_delay_and_both() {
    let server = Server::start("b").await;
    let always = "percentage: {numerator: 100}";
    let delay = format!("delay: {{fixed_delay: 0.2s, {always}}}");
    let routes = [
        route("abort", &fault(&format!("abort: {{http_status: 418, {always}}}"))),
        route("delay", &fault(&delay)),
        route("both", &fault(&format!("{delay}, abort: {{http_status: 503, {always}}}"))),
        route("grpc", &fault(&format!("abort: {{grpc_status: 14, {always}}}"))),
        route("never", &fault("abort: {http_status: 503, percentage: {numerator: 0}}")),
        route("unsaid", &fault("abort: {http_status: 503}")),
        route(
            "marked",
            &fault(&format!(
                "abort: {{http_status: 503, {always}}}, headers: [{{name: x-mark, present_match: true}}]"
            )),
        ),
    ];
    let filters = filter("f", "fault.v3.HTTPFault", "");
    let yaml = bootstrap(&[http(&filters, &routes.join(", "))], &[cluster("b", &[server.address], "")]);
    for subject in &both(&yaml).await {
        let name = subject.name;
        let aborted = subject.get("/abort", &[]).await;
        assert_eq!((aborted.status, aborted.body.as_str()), (418, "fault filter abort"), "{name}");
        assert_eq!(subject.logged(1).await, "418 FI fault_filter_abort abort b", "{name}");

        let began = Instant::now();
        assert_eq!(subject.get("/delay", &[]).await.status, 200, "{name}");
        assert!(began.elapsed() >= Duration::from_millis(200), "{name}");
        assert_eq!(subject.logged(2).await, "200 DI via_upstream delay b", "{name}");

        let began = Instant::now();
        assert_eq!(subject.get("/both", &[]).await.status, 503, "{name}");
        assert!(began.elapsed() >= Duration::from_millis(200), "{name}");
        assert_eq!(subject.logged(3).await, "503 DI,FI fault_filter_abort both b", "{name}");

        let grpc = ["-H", "content-type: application/grpc"];
        let aborted = subject.get("/grpc", &grpc).await;
        assert_eq!((aborted.status, aborted.header("grpc-status")), (200, Some("14")), "{name}");
        assert_eq!(aborted.header("grpc-message"), Some("fault filter abort"), "{name}");
        let aborted = subject.get("/abort", &grpc).await;
        assert_eq!((aborted.status, aborted.header("grpc-status")), (200, Some("2")), "{name}");

        for path in ["/never", "/unsaid", "/marked"] {
            assert_eq!(subject.get(path, &[]).await.status, 200, "{name}: {path}");
        }
        assert_eq!(subject.get("/marked", &["-H", "x-mark: 1"]).await.status, 503, "{name}");
    }
    assert_eq!(server.count(), 8);
}

#[tokio::test]
async fn a_share_of_the_requests_is_aborted() {
    let server = Server::start("b").await;
    let half = fault("abort: {http_status: 503, percentage: {numerator: 500000, denominator: MILLION}}");
    let filters = filter("f", "fault.v3.HTTPFault", "");
    let yaml = bootstrap(&[http(&filters, &route("half", &half))], &[cluster("b", &[server.address], "")]);
    for subject in &both(&yaml).await {
        let url = format!("http://{}/half?[1-200]", subject.address("http"));
        crate::fixtures::curl::curl(&["-o", "/dev/null", &url]).await;
        let passed = server.take().len();
        // Outside of that once in 10^20.
        assert!((35..165).contains(&passed), "{}: {passed} of 200 passed", subject.name);
    }
}

#[tokio::test]
async fn what_the_connection_manager_says_holds_where_a_route_says_nothing() {
    let server = Server::start("b").await;
    let filters =
        filter("f", "fault.v3.HTTPFault", ", abort: {http_status: 501, percentage: {numerator: 100}}");
    let routes =
        [route("own", &fault("abort: {http_status: 502, percentage: {numerator: 100}}")), route("other", "")];
    let yaml = bootstrap(&[http(&filters, &routes.join(", "))], &[cluster("b", &[server.address], "")]);
    for subject in &both(&yaml).await {
        assert_eq!(subject.get("/own", &[]).await.status, 502, "{}", subject.name);
        assert_eq!(subject.get("/other", &[]).await.status, 501, "{}", subject.name);
    }
    assert_eq!(server.count(), 0);
}
