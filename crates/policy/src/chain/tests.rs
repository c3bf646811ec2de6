use carrick_xds::pb::envoy::config::core::v3::CidrRange;

use super::{Ambiguous, ChainFacts, ChainMatch, ChainTable, SourceType};
use crate::config::address::Cidr;

/// Chains by name, so that tests read as "this connection gets that chain".
struct Listener {
    names: Vec<&'static str>,
    table: ChainTable,
}

fn listener(chains: &[(&'static str, ChainMatch)]) -> Listener {
    let table = ChainTable::new(chains.iter().map(|(_, asked)| asked)).unwrap();
    Listener { names: chains.iter().map(|(name, _)| *name).collect(), table }
}

impl Listener {
    fn chain(&self, facts: ChainFacts<'_>) -> &'static str {
        self.table.find(&facts).map_or("none", |index| self.names[index])
    }

    fn by_sni(&self, server_name: &str) -> &'static str {
        self.chain(ChainFacts { server_name, transport_protocol: "tls", ..plain("10.0.0.1", 443) })
    }
}

fn plain(destination: &str, port: u16) -> ChainFacts<'static> {
    ChainFacts {
        destination: (destination.parse().unwrap(), port),
        source: ("10.9.9.9".parse().unwrap(), 40_000),
        server_name: "",
        transport_protocol: "raw_buffer",
        application_protocols: &[],
    }
}

fn range(prefix: &str, length: u32) -> Cidr {
    Cidr::from_proto(&CidrRange { address_prefix: prefix.into(), prefix_len: Some(length) }).unwrap()
}

fn names(names: &[&str]) -> ChainMatch {
    ChainMatch { server_names: names.iter().map(|name| name.to_string()).collect(), ..ChainMatch::default() }
}

#[test]
fn the_exact_name_wins_over_the_longest_suffix_over_no_name() {
    let gateway = listener(&[
        ("any", ChainMatch::default()),
        ("suffix", names(&[".example.com"])),
        ("longer suffix", names(&[".b.example.com"])),
        ("exact", names(&["a.b.example.com", "c.example.com"])),
    ]);
    assert_eq!(gateway.by_sni("a.b.example.com"), "exact");
    assert_eq!(gateway.by_sni("c.example.com"), "exact");
    assert_eq!(gateway.by_sni("x.b.example.com"), "longer suffix");
    assert_eq!(gateway.by_sni("x.y.b.example.com"), "longer suffix");
    assert_eq!(gateway.by_sni("b.example.com"), "suffix");
    assert_eq!(gateway.by_sni("example.com"), "any");
    assert_eq!(gateway.by_sni(""), "any");
}

#[test]
fn a_name_nobody_asks_for_gets_no_chain() {
    let gateway = listener(&[("exported", names(&["server.ns2.svc.cluster.global"]))]);
    assert_eq!(gateway.by_sni("server.ns2.svc.cluster.global"), "exported");
    for other in ["", "server.ns2.svc.cluster.local", "x.server.ns2.svc.cluster.global", "global"] {
        assert_eq!(gateway.by_sni(other), "none", "{other:?}");
    }
}

#[test]
fn a_matched_port_is_never_left_again() {
    let inbound = listener(&[
        (
            "mtls on 80",
            ChainMatch {
                destination_port: Some(80),
                transport_protocol: "tls".into(),
                ..ChainMatch::default()
            },
        ),
        ("any port", ChainMatch::default()),
    ]);
    assert_eq!(inbound.chain(plain("10.0.0.1", 81)), "any port");
    // Plain text on port 80 does not fall back to the chain without a port.
    assert_eq!(inbound.chain(plain("10.0.0.1", 80)), "none");
}

#[test]
fn the_narrowest_range_wins() {
    let outbound = listener(&[
        ("everything", ChainMatch::default()),
        ("ten", ChainMatch { destinations: vec![range("10.0.0.0", 8)], ..ChainMatch::default() }),
        ("one", ChainMatch { destinations: vec![range("10.0.0.1", 32)], ..ChainMatch::default() }),
        ("six", ChainMatch { destinations: vec![range("fd00::", 8)], ..ChainMatch::default() }),
    ]);
    assert_eq!(outbound.chain(plain("10.0.0.1", 80)), "one");
    assert_eq!(outbound.chain(plain("10.0.0.2", 80)), "ten");
    assert_eq!(outbound.chain(plain("11.0.0.1", 80)), "everything");
    assert_eq!(outbound.chain(plain("fd12::1", 80)), "six");
    assert_eq!(outbound.chain(plain("::ffff:10.0.0.1", 80)), "one");
}

#[test]
fn protocols_are_tried_in_the_clients_order_after_the_transport() {
    let chain = |transport: &str, protocol: &str| ChainMatch {
        transport_protocol: transport.into(),
        application_protocols: vec![protocol.into()],
        ..ChainMatch::default()
    };
    let inbound = listener(&[
        ("istio", chain("tls", "istio")),
        ("h2", chain("tls", "h2")),
        ("plain http", chain("raw_buffer", "http/1.1")),
        ("plain", ChainMatch { transport_protocol: "raw_buffer".into(), ..ChainMatch::default() }),
    ]);
    let protocols = ["h2".to_owned(), "istio".to_owned()];
    let tls = |offered| ChainFacts {
        transport_protocol: "tls",
        application_protocols: offered,
        ..plain("10.0.0.1", 80)
    };
    assert_eq!(inbound.chain(tls(&protocols)), "h2");
    assert_eq!(inbound.chain(tls(&protocols[1..])), "istio");
    assert_eq!(inbound.chain(tls(&[])), "none");
    assert_eq!(inbound.chain(plain("10.0.0.1", 80)), "plain");
    let http = ["http/1.1".to_owned()];
    assert_eq!(
        inbound.chain(ChainFacts { application_protocols: &http, ..plain("10.0.0.1", 80) }),
        "plain http"
    );
}

#[test]
fn sources_come_last() {
    let of = |source_type, ports: &[u16]| ChainMatch {
        source_type,
        source_ports: ports.to_vec(),
        ..ChainMatch::default()
    };
    let admin = listener(&[
        ("local", of(SourceType::SameIpOrLoopback, &[])),
        ("from 40000", of(SourceType::External, &[40_000])),
    ]);
    let from = |ip: &str, port| ChainFacts { source: (ip.parse().unwrap(), port), ..plain("10.0.0.1", 80) };
    assert_eq!(admin.chain(from("127.0.0.1", 1)), "local");
    assert_eq!(admin.chain(from("10.0.0.1", 1)), "local");
    assert_eq!(admin.chain(from("10.0.0.2", 40_000)), "from 40000");
    assert_eq!(admin.chain(from("10.0.0.2", 1)), "none");

    let sources = listener(&[
        ("near", ChainMatch { sources: vec![range("10.0.0.0", 24)], ..ChainMatch::default() }),
        ("direct", ChainMatch { direct_sources: vec![range("10.0.1.0", 24)], ..ChainMatch::default() }),
    ]);
    assert_eq!(sources.chain(from("10.0.0.7", 1)), "near");
    assert_eq!(sources.chain(from("10.0.1.7", 1)), "direct");
    assert_eq!(sources.chain(from("10.0.2.7", 1)), "none");
}

#[test]
fn chains_that_ask_for_the_same_are_refused() {
    let twice = [names(&["a", "b"]), names(&["c"]), names(&["b", "d"])];
    assert_eq!(ChainTable::new(&twice).unwrap_err(), Ambiguous { first: 0, second: 2 });
}
