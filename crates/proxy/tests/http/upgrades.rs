//! Connections that change their protocol.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::{ask, connect, in_front_of};
use crate::fixtures::echo::http1;
use crate::fixtures::{InTime, finished};

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-key: x\r\nsec-websocket-version: 13\r\n\r\n";
const ALLOWED: &str = "upgrade_configs: [{upgrade_type: websocket}],";

#[tokio::test]
async fn after_the_upgrade_bytes_go_both_ways_and_each_half_ends_by_itself() {
    let proxy = in_front_of(http1::echo("app").await, ALLOWED).await;
    let mut reader = connect(&proxy).await;
    let response = ask(&mut reader, UPGRADE).await;
    assert_eq!(response.status, 101);
    assert_eq!(response.header("upgrade"), Some("websocket"));
    // Bytes that would be a broken request, if anybody still looked.
    let words = b"\x81\x05hello\r\n\r\nGET \x00";
    reader.stream().write_all(words).await.unwrap();
    reader.stream().shutdown().await.unwrap();
    let mut heard = reader.rest().to_vec();
    reader.stream().read_to_end(&mut heard).in_time().await.unwrap();
    assert_eq!(heard, [b"app:".as_slice(), words, b":bye"].concat());
    let record = finished(&proxy, |record| record.response_code == Some(101)).await;
    assert_eq!((record.bytes_received, record.response_flags.as_str()), (words.len() as u64, "-"));
}

#[tokio::test]
async fn words_sent_along_with_the_request_are_not_lost() {
    let proxy = in_front_of(http1::echo("app").await, ALLOWED).await;
    let mut reader = connect(&proxy).await;
    assert_eq!(ask(&mut reader, &format!("{UPGRADE}early")).await.status, 101);
    reader.stream().shutdown().await.unwrap();
    let mut heard = reader.rest().to_vec();
    reader.stream().read_to_end(&mut heard).in_time().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&heard), "app:early:bye");
}

#[tokio::test]
async fn what_is_not_configured_is_forbidden() {
    let proxy = in_front_of(http1::echo("app").await, "").await;
    assert_eq!(ask(&mut connect(&proxy).await, UPGRADE).await.status, 403);
    let proxy = in_front_of(http1::echo("app").await, ALLOWED).await;
    let other = UPGRADE.replace("websocket\r\n", "smtp\r\n");
    assert_eq!(ask(&mut connect(&proxy).await, &other).await.status, 403);
}
