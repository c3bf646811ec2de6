//! Packets in, packets out. Replies are read back with a full DNS decoder, not with our own reader.

use std::net::Ipv6Addr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query as Question};
use proptest::prelude::*;

use super::*;

const SERVER: &str = "server.ns2.svc.cluster.global.";

fn mesh() -> NameTable {
    let mut table = NameTable::new();
    table.add_zone("global", None).unwrap();
    table.add_zone("cluster.local", None).unwrap();
    table.add_zone("fixed", Some(IpAddr::from([1, 1, 1, 1]))).unwrap();
    table.add_host(SERVER, &[IpAddr::from([240, 240, 0, 1])]).unwrap();
    let v6 = IpAddr::V6(Ipv6Addr::LOCALHOST);
    table.add_host("dual.default.svc.cluster.local", &[IpAddr::from([10, 0, 0, 9]), v6]).unwrap();
    let pods: Vec<IpAddr> = (0..=255).map(|last| IpAddr::from([10, 0, 1, last])).collect();
    table.add_host("headless.default.svc.cluster.local", &pods).unwrap();
    table.add_host("api.example.com", &[IpAddr::from([240, 240, 0, 2])]).unwrap();
    table
}

fn ask(name: &str, kind: RecordType) -> Message {
    let mut message = Message::new(0x1234, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Question::query(Name::from_ascii(name).unwrap(), kind));
    message
}

fn with_edns(mut message: Message, payload: u16) -> Message {
    let mut edns = Edns::new();
    edns.set_max_payload(payload).set_dnssec_ok(true);
    message.set_edns(edns);
    message
}

fn reply_bytes(packet: &[u8], transport: Transport) -> Vec<u8> {
    match answer(&mesh(), packet, transport) {
        Decision::Reply(bytes) => bytes,
        other => panic!("{other:?} for {packet:?}"),
    }
}

fn reply(message: &Message) -> Message {
    Message::from_vec(&reply_bytes(&message.to_vec().unwrap(), Transport::Udp)).unwrap()
}

fn addresses(message: &Message) -> Vec<IpAddr> {
    message.answers.iter().filter_map(|record| record.data.ip_addr()).collect()
}

#[track_caller]
fn assert_absent(reply: &Message, code: ResponseCode, apex: &str) {
    assert_eq!(reply.response_code, code);
    assert!(reply.authoritative);
    assert_eq!(reply.answers, []);
    let [authority] = &reply.authorities[..] else { panic!("no SOA: {reply:?}") };
    assert_eq!((authority.name.to_ascii().as_str(), authority.record_type()), (apex, RecordType::SOA));
}

#[test]
fn a_host_is_answered_with_authority_and_in_the_case_it_was_asked_in() {
    let asked = "SeRvEr.ns2.SVC.cluster.GLOBAL.";
    let reply = reply(&ask(asked, RecordType::A));
    assert_eq!((reply.id, reply.response_code), (0x1234, ResponseCode::NoError));
    assert!(reply.authoritative && reply.recursion_desired && !reply.truncation);
    assert_eq!(addresses(&reply), [IpAddr::from([240, 240, 0, 1])]);
    assert_eq!(reply.answers[0].ttl, 30);
    assert_eq!(reply.queries[0].name().to_ascii(), asked);
    assert_eq!(reply.answers[0].name.to_ascii(), asked);
}

#[test]
fn a_family_or_type_that_the_host_lacks_is_no_data_with_the_soa() {
    for kind in [RecordType::AAAA, RecordType::HTTPS, RecordType::MX, RecordType::TXT, RecordType::DS] {
        assert_absent(&reply(&ask(SERVER, kind)), ResponseCode::NoError, "global.");
    }
    assert_absent(&reply(&ask("x.fixed.", RecordType::AAAA)), ResponseCode::NoError, "fixed.");
}

#[test]
fn an_unknown_name_of_a_zone_does_not_exist_whatever_is_asked_of_it() {
    for kind in [RecordType::A, RecordType::AAAA, RecordType::ANY, RecordType::SOA] {
        assert_absent(&reply(&ask("nobody.global.", kind)), ResponseCode::NXDomain, "global.");
    }
    let searched = format!("{SERVER}default.svc.cluster.local.");
    assert_absent(&reply(&ask(&searched, RecordType::A)), ResponseCode::NXDomain, "cluster.local.");
}

#[test]
fn the_parent_of_a_host_exists_without_data() {
    assert_absent(&reply(&ask("svc.cluster.global.", RecordType::A)), ResponseCode::NoError, "global.");
}

#[test]
fn the_apex_has_its_soa() {
    let reply = reply(&ask("GLOBAL.", RecordType::SOA));
    assert_eq!(reply.answers.len(), 1);
    assert_eq!(reply.answers[0].record_type(), RecordType::SOA);
}

#[test]
fn any_gives_one_set_of_addresses() {
    let reply = reply(&ask("dual.default.svc.cluster.local.", RecordType::ANY));
    assert_eq!(addresses(&reply), [IpAddr::from([10, 0, 0, 9])]);
}

#[test]
fn what_is_outside_is_relayed() {
    for (name, kind) in [
        ("example.com.", RecordType::A),
        (".", RecordType::NS),
        ("1.0.0.127.in-addr.arpa.", RecordType::PTR),
        ("api.example.com.", RecordType::HTTPS),
    ] {
        let packet = ask(name, kind).to_vec().unwrap();
        assert_eq!(answer(&mesh(), &packet, Transport::Udp), Decision::Relay, "{name} {kind}");
    }
}

#[test]
fn a_host_outside_all_zones_is_answered_and_its_missing_family_is_no_data() {
    let v4 = reply(&ask("api.example.com.", RecordType::A));
    assert_eq!(addresses(&v4), [IpAddr::from([240, 240, 0, 2])]);
    let v6 = reply(&ask("api.example.com.", RecordType::AAAA));
    assert_absent(&v6, ResponseCode::NoError, "api.example.com.");
}

#[test]
fn transfers_and_foreign_classes_are_refused_and_never_relayed() {
    for name in ["global.", "example.com."] {
        assert_eq!(reply(&ask(name, RecordType::AXFR)).response_code, ResponseCode::Refused);
    }
    let mut chaos = ask("version.bind.", RecordType::TXT);
    chaos.queries[0].set_query_class(DNSClass::CH);
    assert_eq!(reply(&chaos).response_code, ResponseCode::Refused);
    let mut any_class = ask(SERVER, RecordType::A);
    any_class.queries[0].set_query_class(DNSClass::ANY);
    assert_eq!(addresses(&reply(&any_class)).len(), 1);
}

#[test]
fn edns_is_answered_with_edns_and_its_absence_with_none() {
    assert_eq!(reply(&ask(SERVER, RecordType::A)).edns, None);
    let reply = reply(&with_edns(ask(SERVER, RecordType::A), 65535));
    let edns = reply.edns.expect("an OPT record");
    assert_eq!((edns.version(), edns.max_payload(), edns.flags().dnssec_ok), (0, 1232, true));
    assert!(edns.options().as_ref().is_empty());
}

#[test]
fn an_edns_version_from_the_future_is_bad() {
    let mut message = with_edns(ask("example.com.", RecordType::A), 1232);
    message.edns.as_mut().unwrap().set_version(1);
    // Compared as a number: the decoder calls 16 BADSIG, which shares the number with BADVERS.
    assert_eq!(u16::from(reply(&message).response_code), u16::from(ResponseCode::BADVERS));
}

#[test]
fn a_large_set_is_truncated_by_udp_whole_by_tcp_and_rotates() {
    let small = ask("headless.default.svc.cluster.local.", RecordType::A);
    for message in [small.clone(), with_edns(small.clone(), 65535)] {
        let reply = reply(&message);
        assert!(reply.truncation && reply.answers.is_empty());
    }
    let mut first = Vec::new();
    for id in [0, 7] {
        let mut message = small.clone();
        message.metadata.id = id;
        let bytes = reply_bytes(&message.to_vec().unwrap(), Transport::Tcp);
        let reply = Message::from_vec(&bytes).unwrap();
        assert!(!reply.truncation && bytes.len() < 2000);
        assert_eq!(reply.answers.len(), MAX_ADDRESSES);
        first.push(addresses(&reply)[0]);
    }
    assert_eq!(first, [IpAddr::from([10, 0, 1, 0]), IpAddr::from([10, 0, 1, 7])]);
}

#[test]
fn responses_and_stumps_are_met_with_silence() {
    let mut response = ask(SERVER, RecordType::A);
    response.metadata.message_type = MessageType::Response;
    assert_eq!(answer(&mesh(), &response.to_vec().unwrap(), Transport::Udp), Decision::Drop);
    let packet = ask(SERVER, RecordType::A).to_vec().unwrap();
    for length in 0..12 {
        assert_eq!(answer(&mesh(), &packet[..length], Transport::Udp), Decision::Drop);
    }
}

#[test]
fn other_opcodes_are_not_implemented_whatever_follows_the_header() {
    for opcode in 1..16u8 {
        let packet = [0xab, 0xcd, opcode << 3, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0xff];
        let reply = reply_bytes(&packet, Transport::Udp);
        assert_eq!(reply, [0xab, 0xcd, 0x80 | opcode << 3, 4, 0, 0, 0, 0, 0, 0, 0, 0], "opcode {opcode}");
    }
}

/// Changes a good packet and expects a bare FORMERR.
#[track_caller]
fn assert_malformed(change: impl FnOnce(&mut Vec<u8>)) {
    let mut packet = with_edns(ask(SERVER, RecordType::A), 1232).to_vec().unwrap();
    change(&mut packet);
    assert_eq!(reply_bytes(&packet, Transport::Udp), [0x12, 0x34, 0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn malformed_packets_get_twelve_octets() {
    assert_malformed(|packet| packet[5] = 0);
    assert_malformed(|packet| packet[5] = 2);
    assert_malformed(|packet| packet[7] = 1);
    assert_malformed(|packet| packet[9] = 1);
    assert_malformed(|packet| packet.push(0));
    assert_malformed(|packet| packet.truncate(20));
    assert_malformed(|packet| packet[12] = 0x80);
    assert_malformed(|packet| packet[11] = 2);
    // A second OPT record.
    assert_malformed(|packet| {
        let opt = packet[packet.len() - 11..].to_vec();
        packet.extend(opt);
        packet[11] = 2;
    });
    // An OPT record whose option is longer than its data.
    assert_malformed(|packet| {
        let last = packet.len() - 1;
        packet[last] = 4;
        packet.extend([0, 10, 0, 8]);
    });
}

#[test]
fn a_question_that_points_into_the_header_is_malformed() {
    let packet = [0, 3, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, 1, 0, 1];
    assert_eq!(reply_bytes(&packet, Transport::Udp), [0, 3, 0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn a_reply_to_our_reply_is_silence_so_two_servers_cannot_loop() {
    let first = reply_bytes(&ask(SERVER, RecordType::A).to_vec().unwrap(), Transport::Udp);
    assert_eq!(answer(&mesh(), &first, Transport::Udp), Decision::Drop);
}

#[test]
fn a_failure_keeps_the_question_and_claims_no_authority() {
    let packet = with_edns(ask("example.com.", RecordType::A), 1232).to_vec().unwrap();
    let Decision::Reply(bytes) = fail(&packet, Transport::Udp, ResponseCode::ServFail) else { panic!() };
    let reply = Message::from_vec(&bytes).unwrap();
    assert_eq!((reply.response_code, reply.authoritative), (ResponseCode::ServFail, false));
    assert_eq!(reply.queries[0].name().to_ascii(), "example.com.");
}

/// Names of any octets, up to the longest that DNS allows, some of them below a zone.
fn wire_names() -> impl Strategy<Value = Vec<u8>> {
    let label = prop::collection::vec(any::<u8>(), 1..=63);
    let suffix = prop_oneof![Just(&b"\x06global\0"[..]), Just(&b"\x05fixed\0"[..]), Just(&b"\0"[..])];
    (prop::collection::vec(label, 0..=127), suffix).prop_map(|(labels, suffix)| {
        let mut name = Vec::new();
        for label in labels {
            if name.len() + 1 + label.len() + suffix.len() <= 255 {
                name.push(u8::try_from(label.len()).unwrap());
                name.extend(label);
            }
        }
        name.extend(suffix);
        name
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_bytes_are_dropped_or_answered_within_bounds(packet in prop::collection::vec(any::<u8>(), 0..600)) {
        if let Decision::Reply(reply) = answer(&mesh(), &packet, Transport::Udp) {
            prop_assert!(reply.len() <= 512.max(packet.len()));
            prop_assert_eq!(&reply[..2], &packet[..2]);
        }
    }

    #[test]
    fn a_good_packet_with_octets_changed_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut packet = with_edns(ask(SERVER, RecordType::A), 1232).to_vec().unwrap();
        for (index, value) in changes {
            let at = index.index(packet.len());
            packet[at] = value;
        }
        for packet in [&packet[..], &packet[..cut.index(packet.len())]] {
            if let Decision::Reply(reply) = answer(&mesh(), packet, Transport::Udp) {
                prop_assert!(Message::from_vec(&reply).is_ok());
                prop_assert!(reply.len() <= 1232);
            }
        }
    }

    #[test]
    fn any_legal_name_is_echoed_octet_by_octet(name in wire_names(), kind in any::<u16>(), id in any::<[u8; 2]>()) {
        let mut packet = [&id[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]].concat();
        packet.extend(&name);
        packet.extend(kind.to_be_bytes());
        packet.extend([0, 1]);
        match answer(&mesh(), &packet, Transport::Udp) {
            Decision::Reply(reply) => {
                prop_assert_eq!(&reply[..2], &id);
                prop_assert_eq!(&reply[12..packet.len()], &packet[12..]);
                // No amplification: the echo, and at most one address or SOA.
                prop_assert!(reply.len() <= packet.len() + 80, "{} -> {}", packet.len(), reply.len());
            }
            Decision::Relay => prop_assert!(!name.ends_with(b"\x06global\0")),
            Decision::Drop => prop_assert!(false, "a good question was dropped"),
        }
    }
}
