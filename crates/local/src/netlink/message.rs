//! Netlink's bytes: a header, a fixed part, and nested attributes padded to four bytes (man 7
//! netlink). Knows no message type by name.

use nix::libc::{NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR};

const HEADER: usize = 16;
/// Marks an attribute that holds attributes (NLA_F_NESTED).
const NESTED: u16 = 1 << 15;

/// A fixed part (perhaps empty) and the attributes after it, in call order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attributes(Vec<u8>);

impl Attributes {
    /// Attributes that follow a family's fixed part, for instance `ifinfomsg`.
    pub(crate) fn after(fixed: &[u8]) -> Self {
        let mut body = fixed.to_vec();
        pad(&mut body);
        Self(body)
    }

    pub(crate) fn bytes(mut self, attribute: u16, value: &[u8]) -> Self {
        self.0.extend(((4 + value.len()) as u16).to_ne_bytes());
        self.0.extend(attribute.to_ne_bytes());
        self.0.extend(value);
        pad(&mut self.0);
        self
    }

    /// In the machine's byte order, as rtnetlink wants numbers.
    pub(crate) fn native(self, attribute: u16, value: u32) -> Self {
        self.bytes(attribute, &value.to_ne_bytes())
    }

    /// In network byte order, as nf_tables wants numbers.
    pub(crate) fn network(self, attribute: u16, value: u32) -> Self {
        self.bytes(attribute, &value.to_be_bytes())
    }

    /// Zero-terminated, as the kernel's C strings are.
    pub(crate) fn text(self, attribute: u16, value: &str) -> Self {
        let mut bytes = value.as_bytes().to_vec();
        bytes.push(0);
        self.bytes(attribute, &bytes)
    }

    pub(crate) fn nest(self, attribute: u16, inner: Attributes) -> Self {
        self.bytes(attribute | NESTED, &inner.0)
    }
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    kind: u16,
    flags: u16,
    body: Attributes,
}

impl Message {
    /// A request whose success is acknowledged; `flags` come on top of that.
    pub(crate) fn new(kind: u16, flags: i32, body: Attributes) -> Self {
        Self { kind, flags: (NLM_F_REQUEST | NLM_F_ACK | flags) as u16, body }
    }

    /// Within a transaction one acknowledgement is enough, and many could overflow the socket.
    /// Refusals are always told.
    pub(crate) fn without_acknowledgement(mut self) -> Self {
        self.flags &= !(NLM_F_ACK as u16);
        self
    }

    pub(super) fn wants_acknowledgement(&self) -> bool {
        self.flags & NLM_F_ACK as u16 != 0
    }

    /// Appends the finished message to a datagram.
    pub(super) fn finish(self, sequence: u32, datagram: &mut Vec<u8>) {
        datagram.extend(((HEADER + self.body.0.len()) as u32).to_ne_bytes());
        datagram.extend(self.kind.to_ne_bytes());
        datagram.extend(self.flags.to_ne_bytes());
        datagram.extend(sequence.to_ne_bytes());
        datagram.extend(0u32.to_ne_bytes());
        datagram.extend(self.body.0);
    }
}

/// A message that the kernel sent.
#[derive(Debug)]
pub(super) struct Reply<'a> {
    kind: u16,
    pub(super) sequence: u32,
    pub(super) payload: &'a [u8],
}

impl Reply<'_> {
    /// `Some(0)` is an acknowledgement, `Some(errno)` a refusal, `None` data.
    pub(super) fn error(&self) -> Option<i32> {
        (i32::from(self.kind) == NLMSG_ERROR).then(|| {
            let code = self.payload.first_chunk::<4>().map_or(0, |bytes| i32::from_ne_bytes(*bytes));
            code.saturating_neg()
        })
    }
}

/// Splits a received datagram. A cut-off message ends the iteration.
pub(super) fn replies(mut datagram: &[u8]) -> impl Iterator<Item = Reply<'_>> {
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(*datagram.first_chunk::<4>()?) as usize;
        let message = datagram.get(..length).filter(|message| message.len() >= HEADER)?;
        datagram = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Reply {
            kind: u16::from_ne_bytes([message[4], message[5]]),
            sequence: u32::from_ne_bytes([message[8], message[9], message[10], message[11]]),
            payload: &message[HEADER..],
        })
    })
}
