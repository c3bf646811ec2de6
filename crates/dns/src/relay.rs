//! Asks the upstream resolvers what is not ours. The packet goes as it came but for a fresh id; it
//! knows no name table and rebuilds no message.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use hickory_proto::op::ResponseCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use tracing::debug;

use crate::query::{HEADER_LEN, Query, Transport};
use crate::reply;
use crate::settings::Settings;

#[cfg(test)]
mod tests;

/// Fewest attempts before an upstream counts as silent: datagrams do get lost.
const MIN_ATTEMPTS: usize = 3;

/// Largest UDP reply that is handed on, in octets, whatever the client says it can take.
const MAX_UDP_REPLY: usize = 4096;

pub(crate) struct Relay {
    /// Asked in this order; the newest list counts for each question.
    upstreams: watch::Receiver<Vec<SocketAddr>>,
    settings: Settings,
    in_flight: Arc<Semaphore>,
}

impl Relay {
    pub(crate) fn new(upstreams: watch::Receiver<Vec<SocketAddr>>, settings: Settings) -> Self {
        let in_flight = Arc::new(Semaphore::new(settings.relays_in_flight));
        Self { upstreams, settings, in_flight }
    }

    /// Leave to relay one question, or the code to answer with at once.
    pub(crate) fn admit(&self) -> Result<OwnedSemaphorePermit, ResponseCode> {
        if self.upstreams.borrow().is_empty() {
            return Err(ResponseCode::Refused);
        }
        Arc::clone(&self.in_flight).try_acquire_owned().map_err(|_| ResponseCode::ServFail)
    }

    /// The upstream's reply with the client's id, or `None` if no upstream gave one in time.
    ///
    /// Upstreams are asked in order. One that is silent, or that declines (SERVFAIL, NOTIMP,
    /// REFUSED), gives way to the next; a refusal is handed on only when nobody had anything
    /// better.
    pub(crate) async fn ask(&self, packet: &[u8], transport: Transport) -> Option<Vec<u8>> {
        let query = Query::read(packet).ok()?;
        let upstreams = self.upstreams.borrow().clone();
        let mut refusals = Vec::new();
        let attempts = async {
            for upstream in upstreams.iter().cycle().take(upstreams.len().max(MIN_ATTEMPTS)) {
                let exchange = exchange(*upstream, packet, &query, transport);
                match timeout(self.settings.relay_attempt, exchange).await {
                    Ok(Ok(reply)) if declines(&reply) => refusals.push(reply),
                    Ok(Ok(reply)) => return Some(reply),
                    Ok(Err(error)) => debug!(%upstream, %error, "upstream resolver failed"),
                    Err(_) => debug!(%upstream, "upstream resolver is silent"),
                }
                if refusals.len() == upstreams.len() {
                    break;
                }
            }
            None
        };
        let answered = timeout(self.settings.relay_total, attempts).await.ok().flatten();
        answered.or_else(|| refusals.pop())
    }
}

async fn exchange(
    upstream: SocketAddr,
    packet: &[u8],
    query: &Query<'_>,
    transport: Transport,
) -> io::Result<Vec<u8>> {
    let id: [u8; 2] = rand::random();
    let asked = with_id(packet, id);
    let reply = match transport {
        Transport::Udp => exchange_udp(upstream, &asked, id, query).await?,
        Transport::Tcp => exchange_tcp(upstream, &asked, id, query).await?,
    };
    Ok(with_id(&reply, query.metadata.id.to_be_bytes()))
}

async fn exchange_udp(
    upstream: SocketAddr,
    asked: &[u8],
    id: [u8; 2],
    query: &Query<'_>,
) -> io::Result<Vec<u8>> {
    // A socket of its own gives each question a random port (RFC 5452), and connecting it makes the
    // kernel drop what does not come from the upstream.
    let local: SocketAddr = if upstream.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(local).await?;
    socket.connect(upstream).await?;
    socket.send(asked).await?;
    let limit = query.payload_limit().min(MAX_UDP_REPLY);
    let mut buffer = vec![0; limit + 1];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let reply = buffer.get(..length).unwrap_or_default();
        if !belongs(reply, id, query) {
            continue;
        }
        if length <= limit {
            return Ok(reply.to_vec());
        }
        return reply::truncated(reply, query.question_wire)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "reply without a header"));
    }
}

async fn exchange_tcp(
    upstream: SocketAddr,
    asked: &[u8],
    id: [u8; 2],
    query: &Query<'_>,
) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(upstream).await?;
    stream.write_all(&framed(asked)?).await?;
    let mut reply = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut reply).await?;
    if belongs(&reply, id, query) {
        Ok(reply)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, "the reply is not to the question that was asked"))
    }
}

/// A message with its length before it, as TCP carries it (RFC 1035 section 4.2.2), in one piece so
/// that it leaves in one segment.
pub(crate) fn framed(message: &[u8]) -> io::Result<Vec<u8>> {
    let length = u16::try_from(message.len())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "message of more than 65535 octets"))?;
    Ok([&length.to_be_bytes(), message].concat())
}

fn with_id(packet: &[u8], id: [u8; 2]) -> Vec<u8> {
    id.into_iter().chain(packet.iter().copied().skip(id.len())).collect()
}

/// Whether a packet is the reply to our question: id, QR, opcode and question must be right. An
/// error may come without the question, as servers that could not read it send it.
fn belongs(reply: &[u8], id: [u8; 2], query: &Query<'_>) -> bool {
    let Some((header, body)) = reply.split_at_checked(HEADER_LEN) else { return false };
    let [id_high, id_low, flags, _, questions_high, questions_low, ..] = header else { return false };
    if [*id_high, *id_low] != id || flags & 0xf8 != 0x80 {
        return false;
    }
    match u16::from_be_bytes([*questions_high, *questions_low]) {
        0 => body.is_empty() && (declines(reply) || code(reply) == ResponseCode::FormErr.low()),
        1 => body.get(..query.question_wire.len()).is_some_and(|echoed| {
            let (name, kind_and_class) = echoed.split_at(query.name_wire().len());
            name.eq_ignore_ascii_case(query.name_wire()) && query.question_wire.ends_with(kind_and_class)
        }),
        _ => false,
    }
}

/// Whether the upstream says that it cannot or will not help, as against an answer.
fn declines(reply: &[u8]) -> bool {
    [ResponseCode::ServFail, ResponseCode::NotImp, ResponseCode::Refused]
        .iter()
        .any(|refusal| refusal.low() == code(reply))
}

fn code(reply: &[u8]) -> u8 {
    reply.get(3).map_or(0, |flags| flags & 0x0f)
}
