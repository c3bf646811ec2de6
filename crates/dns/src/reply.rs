//! Writes replies. It knows how large they may be; it does not know why they say what they say.

use hickory_proto::op::{Edns, Message, Metadata, ResponseCode};
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{Name, RData, Record};

use crate::query::{HEADER_LEN, Query, Transport};

/// Largest UDP payload that we send and announce, in octets: what passes any path unfragmented (the
/// value agreed on DNS flag day 2020).
const UDP_PAYLOAD: u16 = 1232;

/// How long the absence of a name or type may be cached, in seconds. Short, so that a host that has
/// just been exposed is soon seen by clients who asked too early.
const NEGATIVE_TTL: u32 = 5;

/// What a reply says, apart from the header and question it copies.
#[derive(Debug)]
pub(crate) struct Body {
    code: ResponseCode,
    authoritative: bool,
    answers: Vec<Record>,
    authority: Option<Record>,
}

impl Body {
    /// Records that we are the authority for.
    pub(crate) fn data(answers: Vec<Record>) -> Self {
        Self { code: ResponseCode::NoError, authoritative: true, answers, authority: None }
    }

    /// No data, or no such name, in the zone at `apex` (RFC 2308: the SOA says for how long).
    pub(crate) fn absent(code: ResponseCode, apex: &Name) -> Self {
        Self { code, authoritative: true, answers: Vec::new(), authority: Some(soa(apex)) }
    }

    /// A failure, about which we claim no authority.
    pub(crate) fn error(code: ResponseCode) -> Self {
        Self { code, authoritative: false, answers: Vec::new(), authority: None }
    }
}

/// The SOA of a zone. There are no transfers, so the serial never matters and never changes.
pub(crate) fn soa(apex: &Name) -> Record {
    let below = |label: &str| apex.prepend_label(label).unwrap_or_else(|_| apex.clone());
    let data = SOA::new(below("ns"), below("hostmaster"), 1, 7200, 1800, 86400, NEGATIVE_TTL);
    Record::from_rdata(apex.clone(), NEGATIVE_TTL, RData::SOA(data))
}

/// The reply to a well-formed query: same id, same question in the same case, OPT if there was one.
/// Where it would be too large, the records are left out and TC tells the client to come by TCP.
///
/// `None` only if the reply cannot be encoded, which does not happen for names that came off the
/// wire.
pub(crate) fn write(query: &Query<'_>, transport: Transport, body: Body) -> Option<Vec<u8>> {
    let mut metadata = Metadata::response_from_request(&query.metadata);
    metadata.authoritative = body.authoritative;
    metadata.response_code = body.code;
    let mut message = Message::response(metadata.id, metadata.op_code);
    message.metadata = metadata;
    message.add_query(query.question.clone());
    message.add_answers(body.answers);
    message.add_authorities(body.authority);
    if let Some(offer) = query.edns {
        let mut edns = Edns::new();
        edns.set_max_payload(UDP_PAYLOAD).set_dnssec_ok(offer.dnssec_ok);
        message.set_edns(edns);
    }
    let limit = match transport {
        Transport::Udp => query.payload_limit().min(usize::from(UDP_PAYLOAD)),
        Transport::Tcp => usize::from(u16::MAX),
    };
    let bytes = message.to_vec().ok()?;
    if bytes.len() <= limit { Some(bytes) } else { message.truncate().to_vec().ok() }
}

/// A reply of twelve octets, for packets whose body could not be read: id, opcode and RD are the
/// client's. `None` if there are no twelve octets to answer.
pub(crate) fn bare(packet: &[u8], code: ResponseCode) -> Option<Vec<u8>> {
    let [id_high, id_low, flags, ..] = packet.get(..HEADER_LEN)? else { return None };
    let mut reply = vec![0; HEADER_LEN];
    reply.splice(..4, [*id_high, *id_low, 0x80 | (flags & 0x79), code.low()]);
    Some(reply)
}

/// The upstream's reply without its records and with TC set, for a client that cannot take all of
/// it.
pub(crate) fn truncated(reply: &[u8], question_wire: &[u8]) -> Option<Vec<u8>> {
    let [id_high, id_low, flags, more, ..] = reply.get(..HEADER_LEN)? else { return None };
    let header = [*id_high, *id_low, flags | 0x02, *more, 0, 1, 0, 0, 0, 0, 0, 0];
    Some([&header, question_wire].concat())
}
