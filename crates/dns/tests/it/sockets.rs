//! The server on real sockets: both transports, hostile clients, tables that change, and the end.

use std::sync::Arc;
use std::time::Duration;

use carrick_dns::{NameTable, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::support::{LOOPBACK, PATIENCE, code, exchange, mesh, question, receive, start};

const OURS: &str = "server.ns2.svc.cluster.global";

fn framed(packet: &[u8]) -> Vec<u8> {
    [&u16::try_from(packet.len()).unwrap().to_be_bytes(), packet].concat()
}

async fn read_reply(stream: &mut TcpStream) -> Vec<u8> {
    let length = timeout(PATIENCE, stream.read_u16()).await.expect("a reply").unwrap();
    let mut reply = vec![0; usize::from(length)];
    stream.read_exact(&mut reply).await.unwrap();
    reply
}

/// Waits until the server has closed the connection.
async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let end = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("the server closes");
    assert!(end.is_err() || rest.is_empty(), "{rest:?}");
}

#[tokio::test]
async fn before_the_first_table_everything_is_servfail_and_then_each_table_counts_at_once() {
    let server = start(None, Settings::default()).await;
    assert_eq!(code(&exchange(server.address, &question(1, OURS)).await), 2);
    assert_eq!(code(&exchange(server.address, &question(2, "example.com")).await), 2);

    server.publish.send(Some(Arc::new(mesh()))).unwrap();
    let reply = exchange(server.address, &question(3, OURS)).await;
    assert_eq!((code(&reply), &reply[reply.len() - 4..]), (0, &[240, 240, 0, 1][..]));

    let mut emptied = NameTable::new();
    emptied.add_zone("global", None).unwrap();
    server.publish.send(Some(Arc::new(emptied))).unwrap();
    assert_eq!(code(&exchange(server.address, &question(4, OURS)).await), 3);
}

#[tokio::test]
async fn garbage_between_questions_costs_nobody_an_answer() {
    let server = start(Some(mesh()), Settings::default()).await;
    let client = UdpSocket::bind(LOOPBACK).await.unwrap();
    client.connect(server.address).await.unwrap();
    for id in 0..500u16 {
        let mut garbage = vec![0; usize::from(id) % 90];
        garbage.iter_mut().for_each(|octet| *octet = rand::random());
        if let Some(flags) = garbage.get_mut(2) {
            // As a response it must be met with silence, so that what comes back is the answer
            // below.
            *flags |= 0x80;
        }
        client.send(&garbage).await.unwrap();
        client.send(&question(id, OURS)).await.unwrap();
        let (reply, _) = receive(&client).await;
        assert_eq!((&reply[..2], code(&reply)), (&id.to_be_bytes()[..], 0));
    }
}

#[tokio::test]
async fn tcp_takes_pipelined_questions_and_gives_the_whole_of_a_large_set() {
    let server = start(Some(mesh()), Settings::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let mut sent = Vec::new();
    for id in 0..100 {
        sent.extend(framed(&question(id, "headless.default.svc.cluster.local")));
    }
    stream.write_all(&sent).await.unwrap();
    for id in 0..100u16 {
        let reply = read_reply(&mut stream).await;
        assert_eq!(reply[..2], id.to_be_bytes());
        assert_eq!((code(&reply), reply[2] & 0x02, reply[7]), (0, 0, 90), "all addresses and no TC");
    }
}

#[tokio::test]
async fn tcp_takes_a_question_octet_by_octet_and_answers_after_the_client_has_finished() {
    let server = start(Some(mesh()), Settings::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for octet in framed(&question(5, OURS)) {
        stream.write_u8(octet).await.unwrap();
        tokio::task::yield_now().await;
    }
    stream.shutdown().await.unwrap();
    assert_eq!(code(&read_reply(&mut stream).await), 0);
    closed(&mut stream).await;
}

#[tokio::test]
async fn tcp_closes_on_what_cannot_be_answered() {
    let server = start(Some(mesh()), Settings::default()).await;
    let mut response = question(1, OURS);
    response[2] |= 0x80;
    for hopeless in [framed(b""), framed(b"eleven octe"), framed(&response), b"GET / HTTP/1.1\r\n".to_vec()] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&hopeless).await.unwrap();
        stream.shutdown().await.unwrap();
        closed(&mut stream).await;
    }
}

#[tokio::test]
async fn a_malformed_question_by_tcp_is_formerr_and_the_next_one_is_answered() {
    let server = start(Some(mesh()), Settings::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let cut = question(1, OURS);
    stream.write_all(&framed(&cut[..20])).await.unwrap();
    assert_eq!(code(&read_reply(&mut stream).await), 1);
    stream.write_all(&framed(&question(2, OURS))).await.unwrap();
    assert_eq!(code(&read_reply(&mut stream).await), 0);
}

#[tokio::test]
async fn idle_connections_are_closed_and_make_room() {
    let settings =
        Settings { tcp_connections: 1, tcp_idle: Duration::from_millis(300), ..Settings::default() };
    let server = start(Some(mesh()), settings).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    // Half a message is as idle as none.
    idle.write_all(&[0, 40, 1]).await.unwrap();
    let mut refused = TcpStream::connect(server.address).await.unwrap();
    closed(&mut refused).await;
    closed(&mut idle).await;
    // The place is free once the server has dropped the connection, which is at most a moment
    // later.
    let answered = async {
        loop {
            let mut next = TcpStream::connect(server.address).await.unwrap();
            if next.write_all(&framed(&question(1, OURS))).await.is_ok()
                && let Ok(length) = next.read_u16().await
            {
                return length;
            }
        }
    };
    assert!(timeout(PATIENCE, answered).await.expect("room for another connection") > 12);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_dropped() {
    let settings = Settings { tcp_idle: Duration::from_millis(300), ..Settings::default() };
    let server = start(Some(mesh()), settings).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let batch = framed(&question(1, "headless.default.svc.cluster.local")).repeat(500);
    let flooded = async { while stream.write_all(&batch).await.is_ok() {} };
    timeout(PATIENCE, flooded).await.expect("the server ends the connection");
    assert_eq!(code(&exchange(server.address, &question(2, OURS)).await), 0);
}

#[tokio::test]
async fn shutdown_ends_the_server_and_its_connections() {
    let server = start(Some(mesh()), Settings::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&framed(&question(1, OURS))).await.unwrap();
    read_reply(&mut stream).await;
    server.stop.send(()).unwrap();
    timeout(PATIENCE, server.ended).await.expect("the server ends").unwrap();
    closed(&mut stream).await;
    UdpSocket::bind(server.address).await.expect("the port is free again");
}
