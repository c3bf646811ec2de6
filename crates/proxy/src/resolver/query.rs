//! One question to one name server: UDP first, TCP if the answer was cut (RFC 1035, RFC 7766).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::{Answer, ResolveError};

const TIMEOUT: Duration = Duration::from_secs(2);

/// The outer error is the server's (another one may be asked), the inner one is the answer.
pub(super) async fn ask(
    server: SocketAddr,
    name: &str,
    kind: RecordType,
) -> io::Result<Result<Answer, ResolveError>> {
    let mut wanted = match Name::from_ascii(name) {
        Ok(wanted) => wanted,
        Err(error) => {
            return Ok(Err(ResolveError::BadName { name: name.to_owned(), reason: error.to_string() }));
        }
    };
    wanted.set_fqdn(true);
    let mut message = Message::query();
    message.metadata.id = rand::random();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(wanted, kind));
    let bytes = message.to_vec().map_err(io::Error::other)?;
    let exchange = async {
        let reply = over_udp(server, &message, &bytes).await?;
        if reply.metadata.truncation { over_tcp(server, &message, &bytes).await } else { Ok(reply) }
    };
    let timeout = || io::Error::new(io::ErrorKind::TimedOut, "no answer in 2 s");
    let reply = tokio::time::timeout(TIMEOUT, exchange).await.map_err(|_elapsed| timeout())??;
    read(&reply, name)
}

async fn over_udp(server: SocketAddr, question: &Message, bytes: &[u8]) -> io::Result<Message> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    // A new socket for each question: its random port makes forged answers hard (RFC 5452 §9.2).
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(bytes).await?;
    let mut buffer = vec![0; 4096];
    loop {
        let n = socket.recv(&mut buffer).await?;
        // Anything that does not answer this question is not for us.
        match Message::from_vec(&buffer[..n]) {
            Ok(reply) if answers(&reply, question) => return Ok(reply),
            _ => {}
        }
    }
}

async fn over_tcp(server: SocketAddr, question: &Message, bytes: &[u8]) -> io::Result<Message> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), bytes].concat()).await?;
    let mut buffer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut buffer).await?;
    let reply = Message::from_vec(&buffer).map_err(io::Error::other)?;
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "the answer is to another question");
    if answers(&reply, question) { Ok(reply) } else { Err(wrong()) }
}

fn answers(reply: &Message, question: &Message) -> bool {
    reply.metadata.id == question.metadata.id && reply.queries == question.queries
}

fn read(reply: &Message, name: &str) -> io::Result<Result<Answer, ResolveError>> {
    match reply.metadata.response_code {
        ResponseCode::NoError => {}
        ResponseCode::NXDomain => return Ok(Err(ResolveError::NoSuchName { name: name.to_owned() })),
        code => return Err(io::Error::other(format!("it answered {code}"))),
    }
    let mut addresses = Vec::new();
    let mut ttl = u32::MAX;
    for record in &reply.answers {
        // Aliases limit the time to live as the addresses do.
        ttl = ttl.min(record.ttl);
        match &record.data {
            RData::A(a) => addresses.push(IpAddr::V4(a.0)),
            RData::AAAA(aaaa) => addresses.push(IpAddr::V6(aaaa.0)),
            _ => {}
        }
    }
    if addresses.is_empty() {
        return Ok(Err(ResolveError::NoAddress { name: name.to_owned() }));
    }
    Ok(Ok(Answer { addresses, ttl: Some(Duration::from_secs(ttl.into())) }))
}
