//! Decides what becomes of one packet. Pure: a table and bytes in, a decision out. It knows no
//! socket and no clock.

use std::net::IpAddr;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::{A, AAAA};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use crate::query::{Query, Transport, Unreadable};
use crate::reply::{self, Body};
use crate::table::{Found, NameTable};

#[cfg(test)]
mod tests;

/// Lifetime of an address in a client's cache, in seconds (what Istio's agent and the original
/// CoreDNS set-up give).
pub const TTL: u32 = 30;

/// Most addresses in one answer. Sets that are larger are served a window at a time.
const MAX_ADDRESSES: usize = 100;

/// What to do with a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Send these bytes back.
    Reply(Vec<u8>),
    /// Not ours: pass the packet to the upstream as it is.
    Relay,
    /// Say nothing.
    Drop,
}

/// Decides about one packet.
///
/// Names of the table and of its zones are answered with AA and never relayed. A and AAAA of a host
/// are its addresses; another type, or a family that the host does not have, is NOERROR without
/// data and with the zone's SOA, so that the absence can be cached (RFC 2308). ANY gives one set of
/// addresses (RFC 8482). Hosts outside all zones answer for their addresses only; their other types
/// are relayed. Zone transfers and classes other than IN are refused.
pub fn answer(table: &NameTable, packet: &[u8], transport: Transport) -> Decision {
    match Query::read(packet) {
        Ok(query) => decide(table, &query, transport),
        Err(unreadable) => reject(packet, unreadable),
    }
}

/// An error reply to a packet that will not be answered for reasons outside the packet (no table
/// yet, the upstream is silent).
pub(crate) fn fail(packet: &[u8], transport: Transport, code: ResponseCode) -> Decision {
    match Query::read(packet) {
        Ok(query) => send(&query, transport, Body::error(code)),
        Err(unreadable) => reject(packet, unreadable),
    }
}

fn reject(packet: &[u8], unreadable: Unreadable) -> Decision {
    match unreadable {
        Unreadable::Ignore => Decision::Drop,
        Unreadable::Refuse(code) => reply::bare(packet, code).map_or(Decision::Drop, Decision::Reply),
    }
}

fn decide(table: &NameTable, query: &Query<'_>, transport: Transport) -> Decision {
    if query.edns.is_some_and(|offer| offer.version > 0) {
        return send(query, transport, Body::error(ResponseCode::BADVERS));
    }
    let body = match (query.question.query_class(), query.question.query_type()) {
        (_, RecordType::OPT) => Body::error(ResponseCode::FormErr),
        (_, RecordType::AXFR | RecordType::IXFR) => Body::error(ResponseCode::Refused),
        (DNSClass::IN | DNSClass::ANY, kind) => match look_up(table, query, kind) {
            Some(body) => body,
            None => return Decision::Relay,
        },
        _ => Body::error(ResponseCode::Refused),
    };
    send(query, transport, body)
}

/// The answer from the table, or `None` when the question is not ours.
fn look_up(table: &NameTable, query: &Query<'_>, kind: RecordType) -> Option<Body> {
    let name = query.question.name();
    match table.find(query.name_wire()) {
        Found::Outside => None,
        Found::Missing { apex } => Some(Body::absent(ResponseCode::NXDomain, apex)),
        Found::Host { apex: Some(apex), .. } | Found::Bare { apex }
            if kind == RecordType::SOA && name == apex =>
        {
            Some(Body::data(vec![reply::soa(name)]))
        }
        Found::Bare { apex } => Some(Body::absent(ResponseCode::NoError, apex)),
        Found::Host { addresses, apex } => {
            let records = addresses_of(addresses, name, kind, query.metadata.id);
            if !records.is_empty() {
                Some(Body::data(records))
            } else if apex.is_some() || matches!(kind, RecordType::A | RecordType::AAAA | RecordType::ANY) {
                // Outside all zones, the host is the only part of the tree that we speak for.
                Some(Body::absent(ResponseCode::NoError, apex.unwrap_or(name)))
            } else {
                None
            }
        }
    }
}

/// The records of one family, starting at a place given by the query's id: ids are random, so
/// clients that take the first address are spread over the set.
fn addresses_of(addresses: &[IpAddr], name: &Name, kind: RecordType, id: u16) -> Vec<Record> {
    let of_family = |v4: bool| addresses.iter().copied().filter(|a| a.is_ipv4() == v4).collect::<Vec<_>>();
    let mut chosen = match kind {
        RecordType::A => of_family(true),
        RecordType::AAAA => of_family(false),
        RecordType::ANY => {
            Some(of_family(true)).filter(|v4| !v4.is_empty()).unwrap_or_else(|| of_family(false))
        }
        _ => Vec::new(),
    };
    let start = usize::from(id).checked_rem(chosen.len()).unwrap_or(0);
    chosen.rotate_left(start);
    chosen.truncate(MAX_ADDRESSES);
    chosen.into_iter().map(|address| Record::from_rdata(name.clone(), TTL, rdata(address))).collect()
}

fn rdata(address: IpAddr) -> RData {
    match address {
        IpAddr::V4(v4) => RData::A(A(v4)),
        IpAddr::V6(v6) => RData::AAAA(AAAA(v6)),
    }
}

fn send(query: &Query<'_>, transport: Transport, body: Body) -> Decision {
    reply::write(query, transport, body).map_or(Decision::Drop, Decision::Reply)
}
