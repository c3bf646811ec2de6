//! Questions outside the table, with an upstream that each test plays itself.

use std::net::SocketAddr;
use std::time::Duration;

use carrick_dns::Settings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::support::{LOOPBACK, Running, code, exchange, mesh, question, receive, same_port, start_with};

const NOERROR: u8 = 0;
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;
const REFUSED: u8 = 5;

async fn relaying_to(upstreams: &[SocketAddr]) -> Running {
    let settings = Settings {
        relay_attempt: Duration::from_millis(200),
        relay_total: Duration::from_millis(1000),
        ..Settings::default()
    };
    start_with(Some(mesh()), upstreams, settings).await
}

async fn upstream() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(LOOPBACK).await.unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// The same packet as a response with this code, and whatever octets after it.
fn respond(asked: &[u8], code: u8, rest: &[u8]) -> Vec<u8> {
    let mut reply = [asked, rest].concat();
    reply[2] |= 0x80;
    reply[3] = 0x80 | code;
    reply
}

#[tokio::test]
async fn a_question_and_its_reply_pass_untouched_but_for_the_id() {
    let (upstream, address) = upstream().await;
    let server = relaying_to(&[address]).await;
    let client = UdpSocket::bind(LOOPBACK).await.unwrap();
    // An additional record of a type that nobody has heard of goes through as well.
    let mut sent = question(0x0102, "WWW.example.com");
    sent[11] = 1;
    sent.extend(b"\x01x\0\xff\x77\0\x01\0\0\0\0\0\x03abc");
    client.send_to(&sent, server.address).await.unwrap();

    let (asked, from) = receive(&upstream).await;
    assert_eq!(asked[2..], sent[2..]);
    let rest = b"octets that are not even a record";
    upstream.send_to(&respond(&asked, NOERROR, rest), from).await.unwrap();

    let (reply, _) = receive(&client).await;
    assert_eq!(reply, respond(&sent, NOERROR, rest));
}

#[tokio::test]
async fn each_question_has_its_own_port_and_id() {
    let (upstream, address) = upstream().await;
    let server = relaying_to(&[address]).await;
    let client = UdpSocket::bind(LOOPBACK).await.unwrap();
    let mut ports = std::collections::HashSet::new();
    let mut ids = std::collections::HashSet::new();
    for _ in 0..20 {
        client.send_to(&question(1, "example.com"), server.address).await.unwrap();
        let (asked, from) = receive(&upstream).await;
        ports.insert(from.port());
        ids.insert([asked[0], asked[1]]);
        upstream.send_to(&respond(&asked, NOERROR, b""), from).await.unwrap();
        receive(&client).await;
    }
    assert!(ports.len() > 10, "{ports:?}");
    assert!(ids.len() > 15, "{ids:?}");
}

#[tokio::test]
async fn a_forged_reply_is_passed_over() {
    let (upstream, address) = upstream().await;
    let server = relaying_to(&[address]).await;
    let client = UdpSocket::bind(LOOPBACK).await.unwrap();
    let sent = question(9, "example.com");
    client.send_to(&sent, server.address).await.unwrap();
    let (asked, from) = receive(&upstream).await;

    let mut wrong_id = respond(&asked, NXDOMAIN, b"");
    wrong_id[0] ^= 1;
    let mut wrong_question = respond(&asked, NXDOMAIN, b"");
    wrong_question[13] ^= 1;
    for forged in [wrong_id, wrong_question, b"x".to_vec()] {
        upstream.send_to(&forged, from).await.unwrap();
    }
    let elsewhere = UdpSocket::bind(LOOPBACK).await.unwrap();
    elsewhere.send_to(&respond(&asked, NXDOMAIN, b""), from).await.unwrap();
    upstream.send_to(&respond(&asked, NOERROR, b""), from).await.unwrap();

    assert_eq!(receive(&client).await.0, respond(&sent, NOERROR, b""));
}

#[tokio::test]
async fn a_silent_upstream_gives_way_to_the_next() {
    let (_silent, first) = upstream().await;
    let (second, address) = upstream().await;
    let server = relaying_to(&[first, address]).await;
    let client = UdpSocket::bind(LOOPBACK).await.unwrap();
    let sent = question(3, "example.com");
    client.send_to(&sent, server.address).await.unwrap();
    let (asked, from) = receive(&second).await;
    second.send_to(&respond(&asked, NXDOMAIN, b""), from).await.unwrap();
    assert_eq!(receive(&client).await.0, respond(&sent, NXDOMAIN, b""));
}

#[tokio::test]
async fn an_upstream_that_declines_gives_way_and_is_heard_only_if_all_decline() {
    let (first, first_address) = upstream().await;
    let (second, second_address) = upstream().await;
    let server = relaying_to(&[first_address, second_address]).await;
    let client = UdpSocket::bind(LOOPBACK).await.unwrap();
    for code_of_second in [NOERROR, REFUSED] {
        client.send_to(&question(3, "example.com"), server.address).await.unwrap();
        let (asked, from) = receive(&first).await;
        first.send_to(&respond(&asked, SERVFAIL, b""), from).await.unwrap();
        let (asked, from) = receive(&second).await;
        second.send_to(&respond(&asked, code_of_second, b""), from).await.unwrap();
        assert_eq!(code(&receive(&client).await.0), code_of_second);
    }
}

#[tokio::test]
async fn silence_everywhere_is_servfail_and_the_mesh_still_answers() {
    let (_silent, address) = upstream().await;
    let server = relaying_to(&[address]).await;
    let (foreign, ours) = (question(3, "example.com"), question(4, "server.ns2.svc.cluster.global"));
    let (reply, ours) = tokio::join!(exchange(server.address, &foreign), exchange(server.address, &ours));
    assert_eq!((code(&reply), code(&ours)), (SERVFAIL, NOERROR));
    assert_eq!(reply[..2], [0, 3]);
}

#[tokio::test]
async fn an_upstream_with_a_closed_port_is_servfail() {
    let (socket, address) = upstream().await;
    drop(socket);
    let server = relaying_to(&[address]).await;
    assert_eq!(code(&exchange(server.address, &question(3, "example.com")).await), SERVFAIL);
}

#[tokio::test]
async fn without_upstreams_foreign_names_are_refused() {
    let server = relaying_to(&[]).await;
    assert_eq!(code(&exchange(server.address, &question(3, "example.com")).await), REFUSED);
}

#[tokio::test]
async fn upstreams_that_change_are_asked_from_the_next_question_on() {
    let ((first, first_address), (second, second_address)) = (upstream().await, upstream().await);
    let server = relaying_to(&[first_address]).await;
    for (playing, next) in [(first, vec![second_address]), (second, vec![])] {
        let client = UdpSocket::bind(LOOPBACK).await.unwrap();
        client.send_to(&question(1, "example.com"), server.address).await.unwrap();
        let (asked, from) = receive(&playing).await;
        playing.send_to(&respond(&asked, NOERROR, b""), from).await.unwrap();
        assert_eq!(code(&receive(&client).await.0), NOERROR);
        server.upstreams.send_replace(next);
    }
    assert_eq!(code(&exchange(server.address, &question(2, "example.com")).await), REFUSED);
}

#[tokio::test]
async fn one_relay_too_many_is_servfail_at_once() {
    let (upstream, address) = upstream().await;
    let settings = Settings { relays_in_flight: 1, ..Settings::default() };
    let server = start_with(Some(mesh()), &[address], settings).await;
    let client = UdpSocket::bind(LOOPBACK).await.unwrap();
    client.send_to(&question(1, "example.com"), server.address).await.unwrap();
    let (asked, from) = receive(&upstream).await;
    assert_eq!(code(&exchange(server.address, &question(2, "example.org")).await), SERVFAIL);
    upstream.send_to(&respond(&asked, NOERROR, b""), from).await.unwrap();
    assert_eq!(code(&receive(&client).await.0), NOERROR);
}

#[tokio::test]
async fn a_reply_larger_than_the_client_can_take_is_truncated() {
    let (upstream, address) = upstream().await;
    let server = relaying_to(&[address]).await;
    let client = UdpSocket::bind(LOOPBACK).await.unwrap();
    let sent = question(3, "example.com");
    client.send_to(&sent, server.address).await.unwrap();
    let (asked, from) = receive(&upstream).await;
    upstream.send_to(&respond(&asked, NOERROR, &[0; 1000]), from).await.unwrap();
    let mut expected = respond(&sent, NOERROR, b"");
    expected[2] |= 0x02;
    assert_eq!(receive(&client).await.0, expected);
}

#[tokio::test]
async fn a_question_that_came_by_tcp_is_asked_by_tcp_and_large_replies_pass() {
    let (_udp, upstream) = same_port().await;
    let server = relaying_to(&[upstream.local_addr().unwrap()]).await;
    let sent = question(0x0303, "example.com");
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client.write_all(&[&[0, u8::try_from(sent.len()).unwrap()], &sent[..]].concat()).await.unwrap();

    let (mut asking, _) = upstream.accept().await.unwrap();
    let mut asked = vec![0; usize::from(asking.read_u16().await.unwrap())];
    asking.read_exact(&mut asked).await.unwrap();
    assert_eq!(asked[2..], sent[2..]);
    let reply = respond(&asked, NOERROR, &[7; 9000]);
    asking.write_u16(u16::try_from(reply.len()).unwrap()).await.unwrap();
    asking.write_all(&reply).await.unwrap();

    let mut got = vec![0; usize::from(client.read_u16().await.unwrap())];
    client.read_exact(&mut got).await.unwrap();
    assert_eq!(got, respond(&sent, NOERROR, &[7; 9000]));
}
