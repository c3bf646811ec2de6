//! What was asked: header, the one question, and the EDNS offer, read strictly. It does not know
//! the table.
//!
//! Records other than OPT are framed but not interpreted: nothing in them changes what we do, and a
//! question that is to be relayed must not fail because of a type that we have not heard of.

use hickory_proto::op::{Header, MessageType, Metadata, OpCode, Query as Question, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder, DecodeError};

pub(crate) const HEADER_LEN: usize = 12;

/// How the query came, which bounds the size of the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
}

/// One well-formed question.
#[derive(Debug)]
pub(crate) struct Query<'a> {
    pub metadata: Metadata,
    pub question: Question,
    /// The question section as it was sent: name, type and class.
    pub question_wire: &'a [u8],
    pub edns: Option<EdnsOffer>,
}

/// What the OPT record of the query says (RFC 6891).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EdnsOffer {
    /// The largest UDP payload that the client can take, in octets, as it was sent.
    pub payload: u16,
    pub version: u8,
    pub dnssec_ok: bool,
}

/// Why a packet is not a question that can be answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// To be met with silence: too short to hold an id, or itself a response (answering those makes
    /// loops).
    Ignore,
    /// To be answered by a bare header with this code.
    Refuse(ResponseCode),
}

impl<'a> Query<'a> {
    /// Reads a whole packet: one question, nothing after the last record.
    pub(crate) fn read(packet: &'a [u8]) -> Result<Self, Unreadable> {
        let mut decoder = BinDecoder::new(packet);
        let Header { metadata, counts } = Header::read(&mut decoder).map_err(|_| Unreadable::Ignore)?;
        if metadata.message_type == MessageType::Response {
            return Err(Unreadable::Ignore);
        }
        if metadata.op_code != OpCode::Query {
            return Err(Unreadable::Refuse(ResponseCode::NotImp));
        }
        // RFC 9619: a QUERY has exactly one question. Records in the answer or authority section of
        // a question mean nothing to anybody but AXFR's cousins, which are not served.
        if (counts.queries, counts.answers, counts.authorities) != (1, 0, 0) {
            return Err(Unreadable::Refuse(ResponseCode::FormErr));
        }
        Self::read_body(packet, &mut decoder, metadata, counts.additionals)
            .map_err(|_| Unreadable::Refuse(ResponseCode::FormErr))
    }

    fn read_body(
        packet: &'a [u8],
        decoder: &mut BinDecoder<'a>,
        metadata: Metadata,
        additionals: u16,
    ) -> Result<Self, Malformed> {
        let question = Question::read(decoder)?;
        let question_wire = packet.get(HEADER_LEN..decoder.index()).ok_or(Malformed)?;
        // A pointer in the first name of a packet can only point into the header, whose id changes
        // on the way to the upstream.
        if question_wire.len() != name_wire_len(question.name()) + 4 {
            return Err(Malformed);
        }
        let mut edns = None;
        for _ in 0..additionals {
            if let Some(offer) = read_record(decoder)?
                && edns.replace(offer).is_some()
            {
                return Err(Malformed);
            }
        }
        if !decoder.is_empty() {
            return Err(Malformed);
        }
        Ok(Self { metadata, question, question_wire, edns })
    }

    /// The asked name in wire form, without compression.
    pub(crate) fn name_wire(&self) -> &'a [u8] {
        self.question_wire.split_at(self.question_wire.len().saturating_sub(4)).0
    }

    /// The largest UDP payload that the client accepts: at least 512 octets (RFC 1035), more with
    /// EDNS.
    pub(crate) fn payload_limit(&self) -> usize {
        self.edns.map_or(512, |offer| usize::from(offer.payload.max(512)))
    }
}

struct Malformed;

impl From<DecodeError> for Malformed {
    fn from(_: DecodeError) -> Self {
        Self
    }
}

/// Steps over one record of the additional section; of an OPT record, returns what it says.
fn read_record(decoder: &mut BinDecoder<'_>) -> Result<Option<EdnsOffer>, Malformed> {
    let owner = Name::read(decoder)?;
    let kind = RecordType::read(decoder)?;
    let payload = decoder.read_u16()?.unverified();
    let ttl = decoder.read_u32()?.unverified();
    let length = decoder.read_u16()?.unverified();
    let data = decoder.read_slice(usize::from(length))?.unverified();
    if kind != RecordType::OPT {
        return Ok(None);
    }
    if !owner.is_root() || !options_are_framed(data) {
        return Err(Malformed);
    }
    let [_, version, flags, _] = ttl.to_be_bytes();
    Ok(Some(EdnsOffer { payload, version, dnssec_ok: flags & 0x80 != 0 }))
}

/// Whether the data of an OPT record is a sequence of code, length, that many octets.
fn options_are_framed(mut data: &[u8]) -> bool {
    while let [_, _, high, low, rest @ ..] = data {
        match rest.get(usize::from(u16::from_be_bytes([*high, *low]))..) {
            Some(next) => data = next,
            None => return false,
        }
    }
    data.is_empty()
}

/// Octets of a name written without compression.
fn name_wire_len(name: &Name) -> usize {
    name.iter().map(|label| label.len() + 1).sum::<usize>() + 1
}
