use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use carrick_policy::config::cluster::DnsFamily;
use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::{A, CNAME};
use hickory_proto::rr::{Name, RData, Record};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use super::{ResolveError, Resolver, SystemFiles};

/// A name server on loopback that knows a few names, and cuts its UDP answers for `big.test`.
async fn name_server() -> SocketAddr {
    // A port that is free for both.
    let (tcp, udp) = loop {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            break (tcp, udp);
        }
    };
    let address = udp.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        loop {
            let (n, from) = udp.recv_from(&mut buffer).await.unwrap();
            // First a forged answer with the wrong identifier, then the real one.
            let mut forged = reply(&buffer[..n], false);
            forged[0] ^= 0xff;
            udp.send_to(&forged, from).await.unwrap();
            udp.send_to(&reply(&buffer[..n], true), from).await.unwrap();
        }
    });
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = tcp.accept().await.unwrap();
            let mut query = vec![0; stream.read_u16().await.unwrap().into()];
            stream.read_exact(&mut query).await.unwrap();
            let reply = reply(&query, false);
            stream.write_u16(reply.len() as u16).await.unwrap();
            stream.write_all(&reply).await.unwrap();
        }
    });
    address
}

fn reply(query: &[u8], cut: bool) -> Vec<u8> {
    let mut message = Message::from_vec(query).unwrap();
    message.metadata.message_type = MessageType::Response;
    let name = message.queries[0].name().clone();
    let a = |last| RData::A(A::new(10, 0, 0, last));
    match name.to_string().as_str() {
        "two.test." => {
            message.add_answer(Record::from_rdata(name.clone(), 60, a(1)));
            message.add_answer(Record::from_rdata(name, 30, a(2)));
        }
        "alias.test." => {
            let target = Name::from_ascii("two.test.").unwrap();
            message.add_answer(Record::from_rdata(name, 5, RData::CNAME(CNAME(target.clone()))));
            message.add_answer(Record::from_rdata(target, 60, a(1)));
        }
        "big.test." if cut => message.metadata.truncation = true,
        "big.test." => {
            for last in 0..200 {
                message.add_answer(Record::from_rdata(name.clone(), 60, a(last)));
            }
        }
        "empty.test." => {}
        _ => message.metadata.response_code = ResponseCode::NXDomain,
    }
    message.to_vec().unwrap()
}

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[tokio::test]
async fn addresses_come_with_the_smallest_time_to_live() {
    let servers = [name_server().await];
    let resolver = Resolver::default();
    let two = resolver.resolve("two.test", DnsFamily::V4Only, &servers).await.unwrap();
    assert_eq!(two.addresses, ips(&["10.0.0.1", "10.0.0.2"]));
    assert_eq!(two.ttl, Some(Duration::from_secs(30)));
    let alias = resolver.resolve("alias.test.", DnsFamily::V4Only, &servers).await.unwrap();
    assert_eq!(alias.addresses, ips(&["10.0.0.1"]));
    assert_eq!(alias.ttl, Some(Duration::from_secs(5)));
}

#[tokio::test]
async fn an_answer_that_was_cut_is_asked_for_again_over_tcp() {
    let servers = [name_server().await];
    let answer = Resolver::default().resolve("big.test", DnsFamily::V4Only, &servers).await.unwrap();
    assert_eq!(answer.addresses.len(), 200);
}

#[tokio::test]
async fn what_is_wrong_is_told_apart() {
    let servers = [name_server().await];
    let resolver = Resolver::default();
    let missing = resolver.resolve("missing.test", DnsFamily::All, &servers).await;
    assert_eq!(missing, Err(ResolveError::NoSuchName { name: "missing.test".into() }));
    let empty = resolver.resolve("empty.test", DnsFamily::V4Only, &servers).await;
    assert_eq!(empty, Err(ResolveError::NoAddress { name: "empty.test".into() }));
    let nobody = resolver.resolve("two.test", DnsFamily::V4Only, &[]).await.unwrap_err();
    assert!(nobody.to_string().contains("/etc/resolv.conf"), "{nobody}");
}

#[tokio::test]
async fn the_hosts_file_comes_first_and_single_labels_are_searched() {
    let files = SystemFiles::parse(
        "10.9.9.9 Pinned.test # ours\n::1 six\n",
        "search nowhere.test test\nnameserver 127.0.0.53\noptions ndots:5\n",
    );
    assert_eq!(files.servers(), ["127.0.0.53:53".parse().unwrap()]);
    let servers = [name_server().await];
    let resolver = Resolver::new(files);
    let of = async |name| resolver.resolve(name, DnsFamily::PreferV4, &servers).await.unwrap().addresses;
    assert_eq!(of("pinned.test").await, ips(&["10.9.9.9"]));
    assert_eq!(of("six").await, ips(&["::1"]));
    assert_eq!(of("two").await, ips(&["10.0.0.1", "10.0.0.2"]));
    assert_eq!(of("localhost").await, ips(&["127.0.0.1"]));
}
