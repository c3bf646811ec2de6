use super::*;

fn asks(version: Version, headers: &[(&str, &str)]) -> Option<String> {
    let request = Request::builder().version(version).uri("/");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    wanted(&request.body(()).unwrap().into_parts().0)
}

#[test]
fn an_upgrade_is_wanted_when_both_headers_say_so() {
    let websocket = ("upgrade", "WebSocket");
    for connection in ["upgrade", "Upgrade", "keep-alive, Upgrade", "close,upgrade ,x"] {
        let wanted = asks(Version::HTTP_11, &[("connection", connection), websocket]);
        assert_eq!(wanted.as_deref(), Some("websocket"), "{connection}");
    }
    let apart = [("connection", "keep-alive"), ("connection", "upgrade"), websocket];
    assert_eq!(asks(Version::HTTP_11, &apart).as_deref(), Some("websocket"));
    assert_eq!(asks(Version::HTTP_11, &[websocket]), None);
    assert_eq!(asks(Version::HTTP_11, &[("connection", "upgrade")]), None);
    assert_eq!(asks(Version::HTTP_11, &[("connection", "upgrades"), websocket]), None);
    assert_eq!(asks(Version::HTTP_11, &[("connection", "upgrade"), ("upgrade", " ")]), None);
}

#[test]
fn only_http_1_1_upgrades_and_never_to_h2c() {
    let websocket = [("connection", "upgrade"), ("upgrade", "websocket")];
    assert_eq!(asks(Version::HTTP_10, &websocket), None);
    assert_eq!(asks(Version::HTTP_2, &websocket), None);
    // h2c would carry requests past everything that is decided here.
    for kind in ["h2c", "H2C"] {
        let smuggled = [("connection", "Upgrade, HTTP2-Settings"), ("upgrade", kind)];
        assert_eq!(asks(Version::HTTP_11, &smuggled), None, "{kind}");
    }
}

#[test]
fn the_answer_names_the_protocol_that_was_agreed_on() {
    let mut headers = HeaderMap::new();
    switch(&mut headers, "websocket");
    assert_eq!(
        (&headers[CONNECTION], &headers[UPGRADE]),
        (&"Upgrade".parse().unwrap(), &"websocket".parse().unwrap())
    );
}

#[tokio::test]
async fn bytes_are_copied_counted_and_their_end_is_passed_on() {
    let (mut client, from) = tokio::io::duplex(64);
    let (to, mut server) = tokio::io::duplex(64);
    let count = AtomicU64::new(0);
    client.write_all(b"hello").await.unwrap();
    client.shutdown().await.unwrap();
    copy(from, to, &count).await;
    let mut heard = String::new();
    server.read_to_string(&mut heard).await.unwrap();
    assert_eq!((heard.as_str(), count.load(Ordering::Relaxed)), ("hello", 5));
}
