//! What is too large, too slow, or too much is ended, with an answer that says so.

use tokio::io::AsyncWriteExt;

use crate::client::{ask, connect, in_front_of};
use crate::fixtures::echo::http1;
use crate::fixtures::raw::End;
use crate::fixtures::yaml::listener;
use crate::fixtures::{bootstrap, cluster, finished, start};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn a_head_that_is_too_large_is_431() {
    let proxy = in_front_of(http1::echo("app").await, "max_request_headers_kb: 4,").await;
    let large = |size: usize| format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(size));
    assert_eq!(ask(&mut connect(&proxy).await, &large(3000)).await.status, 200);
    let response = ask(&mut connect(&proxy).await, &large(5000)).await;
    assert_eq!((response.status, response.header("connection")), (431, Some("close")));
    let record = finished(&proxy, |record| record.response_code == Some(431)).await;
    assert_eq!((record.response_flags.as_str(), record.details.as_str()), ("DPE", "http1.headers_too_large"));
}

#[tokio::test]
async fn a_head_that_comes_too_slowly_is_408_and_silence_between_requests_is_not() {
    let proxy = in_front_of(http1::echo("app").await, "request_headers_timeout: 0.3s,").await;
    let mut slow = connect(&proxy).await;
    assert_eq!(ask(&mut slow, "GET / HTTP/1.1\r\nhost:").await.status, 408);
    let mut idle = connect(&proxy).await;
    assert_eq!(ask(&mut idle, GET).await.status, 200);
    // Longer than a head may take.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(ask(&mut idle, GET).await.status, 200);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408() {
    let proxy = in_front_of(http1::echo("app").await, "request_timeout: 0.3s,").await;
    let half = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf";
    let response = ask(&mut connect(&proxy).await, half).await;
    assert_eq!((response.status, response.header("connection")), (408, Some("close")));
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_is_504() {
    let routes = "{match: {prefix: /}, route: {cluster: app, timeout: 0.2s}}";
    let clusters = [cluster("app", &[http1::echo("app").await], "")];
    let proxy = start(&bootstrap(&[listener("", "", routes)], &clusters)).await;
    let response = ask(&mut connect(&proxy).await, "GET /do/never HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!((response.status, response.body.as_str()), (504, "upstream request timeout"));
    let record = finished(&proxy, |record| record.response_code == Some(504)).await;
    assert_eq!(record.response_flags, "UT");
}

#[tokio::test]
async fn a_stream_in_which_nothing_moves_is_ended() {
    let proxy = in_front_of(http1::echo("app").await, "stream_idle_timeout: 0.2s,").await;
    let response = ask(&mut connect(&proxy).await, "GET /do/never HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(response.status, 504);
    let record = finished(&proxy, |record| record.response_code == Some(504)).await;
    assert_eq!(record.response_flags, "SI");
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let proxy =
        in_front_of(http1::echo("app").await, "common_http_protocol_options: {idle_timeout: 0.2s},").await;
    let mut reader = connect(&proxy).await;
    assert_eq!(ask(&mut reader, GET).await.status, 200);
    assert_eq!(reader.response(false).await, Err(End::Closed));
}

#[tokio::test]
async fn a_connection_ends_after_as_many_requests_as_it_may_carry() {
    let limit = "common_http_protocol_options: {max_requests_per_connection: 2},";
    let proxy = in_front_of(http1::echo("app").await, limit).await;
    let mut reader = connect(&proxy).await;
    assert_eq!(ask(&mut reader, GET).await.header("connection"), None);
    assert_eq!(ask(&mut reader, GET).await.header("connection"), Some("close"));
    assert_eq!(reader.response(false).await, Err(End::Closed));
}

#[tokio::test]
async fn a_thousand_requests_in_one_write_are_answered_in_their_order() {
    let proxy = in_front_of(http1::echo("app").await, "").await;
    let mut reader = connect(&proxy).await;
    let requests: String = (0..1000).map(|n| format!("GET /{n} HTTP/1.1\r\nhost: a\r\n\r\n")).collect();
    let bad = "GET  /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    reader.stream().write_all(format!("{requests}{bad}").as_bytes()).await.unwrap();
    for n in 0..1000 {
        let response = reader.response(false).await.unwrap();
        assert!(response.body.starts_with(&format!("GET /{n} ")), "{n}: {response:?}");
    }
    // What makes no sense is answered in its turn, and nothing after it is read.
    assert_eq!(reader.response(false).await.unwrap().status, 400);
    assert_eq!(reader.response(false).await, Err(End::Closed));
}
