use super::*;

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
