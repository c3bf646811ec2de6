//! A DNS query: a reply answers the question that was asked, is a message that others can read, and
//! is never large enough to be worth sending with a forged source address.
#![no_main]

use carrick_dns::{Decision, NameTable, Transport, answer};
use hickory_proto::op::Message;
use hickory_proto::serialize::binary::BinDecodable;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static TABLE: LazyLock<NameTable> = LazyLock::new(|| {
    let mut table = NameTable::new();
    table.add_zone("global", None).expect("a valid zone");
    for name in ["server.ns2.svc.cluster.global", "*.wild.global"] {
        table.add_host(name, &["240.0.0.1".parse().expect("an address")]).expect("a valid name");
    }
    table
});

fuzz_target!(|packet: &[u8]| {
    for transport in [Transport::Udp, Transport::Tcp] {
        let Decision::Reply(reply) = answer(&TABLE, packet, transport) else { continue };
        assert_eq!(reply[..2], packet[..2], "a reply has the query's ID");
        assert!(reply[2] & 0x80 != 0, "a reply says that it is one");
        if transport == Transport::Udp {
            assert!(reply.len() <= 4096.max(packet.len()));
        }
        Message::from_bytes(&reply).expect("a reply can be read");
    }
});
