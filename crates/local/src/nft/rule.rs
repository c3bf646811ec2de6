//! One nf_tables rule: conditions first, then what happens. Each method appends the expressions
//! that the kernel's small register machine needs: load something into a register, compare it
//! (include/uapi/linux/netfilter/nf_tables.h).

use std::net::Ipv4Addr;

use nix::libc;

use crate::netlink::Attributes;

const NFTA_LIST_ELEM: u16 = 1;
const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;

const REGISTER_1: u32 = 1;
const REGISTER_2: u32 = 2;

/// Which comparison `cmp` makes.
const EQUAL: u32 = 0;
const NOT_EQUAL: u32 = 1;

/// Which header `payload` reads from.
const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;

const IPV4_SOURCE_OFFSET: u32 = 12;
const IPV4_DESTINATION_OFFSET: u32 = 16;
const DESTINATION_PORT_OFFSET: u32 = 2;

/// Bits of `ct state` (include/net/netfilter/nf_conntrack.h): established, related.
const ESTABLISHED_OR_RELATED: u32 = 2 | 4;

/// A rule under construction. A packet passes the conditions in call order; the last call says what
/// happens to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rule(Attributes);

// Conditions
impl Rule {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The interface that the packet came in through.
    pub(crate) fn input_is(self, interface: &str) -> Self {
        self.load_meta(libc::NFT_META_IIFNAME).compare(EQUAL, &interface_name(interface))
    }

    /// The interface that the packet leaves through.
    pub(crate) fn output_is(self, interface: &str) -> Self {
        self.load_meta(libc::NFT_META_OIFNAME).compare(EQUAL, &interface_name(interface))
    }

    /// The transport protocol, for instance `libc::IPPROTO_TCP`.
    pub(crate) fn protocol_is(self, protocol: i32) -> Self {
        self.load_meta(libc::NFT_META_L4PROTO).compare(EQUAL, &[protocol as u8])
    }

    /// The mark that the sending socket carries (SO_MARK).
    pub(crate) fn mark_is(self, mark: u32) -> Self {
        self.load_meta(libc::NFT_META_MARK).compare(EQUAL, &mark.to_ne_bytes())
    }

    pub(crate) fn mark_is_not(self, mark: u32) -> Self {
        self.load_meta(libc::NFT_META_MARK).compare(NOT_EQUAL, &mark.to_ne_bytes())
    }

    pub(crate) fn source_is(self, address: Ipv4Addr) -> Self {
        self.load_header(NETWORK_HEADER, IPV4_SOURCE_OFFSET, 4).compare(EQUAL, &address.octets())
    }

    pub(crate) fn destination_is(self, address: Ipv4Addr) -> Self {
        self.load_header(NETWORK_HEADER, IPV4_DESTINATION_OFFSET, 4).compare(EQUAL, &address.octets())
    }

    pub(crate) fn destination_is_not(self, address: Ipv4Addr) -> Self {
        self.load_header(NETWORK_HEADER, IPV4_DESTINATION_OFFSET, 4).compare(NOT_EQUAL, &address.octets())
    }

    /// The destination lies in `network`/`prefix`.
    pub(crate) fn destination_in(self, network: Ipv4Addr, prefix: u8) -> Self {
        self.masked_destination(prefix).compare(EQUAL, &masked(network, prefix).octets())
    }

    pub(crate) fn destination_not_in(self, network: Ipv4Addr, prefix: u8) -> Self {
        self.masked_destination(prefix).compare(NOT_EQUAL, &masked(network, prefix).octets())
    }

    /// The destination port. Only after [`Rule::protocol_is`] has said TCP or UDP.
    pub(crate) fn destination_port_is(self, port: u16) -> Self {
        self.load_header(TRANSPORT_HEADER, DESTINATION_PORT_OFFSET, 2).compare(EQUAL, &port.to_be_bytes())
    }

    /// The packet belongs to a connection that was let through before, or is an error message about
    /// one.
    pub(crate) fn answers_known_connection(self) -> Self {
        const NFTA_CT_DREG: u16 = 1;
        const NFTA_CT_KEY: u16 = 2;
        let load = Attributes::default()
            .network(NFTA_CT_DREG, REGISTER_1)
            .network(NFTA_CT_KEY, libc::NFT_CT_STATE as u32);
        self.push("ct", load)
            .mask(ESTABLISHED_OR_RELATED.to_ne_bytes())
            .compare(NOT_EQUAL, &0u32.to_ne_bytes())
    }

    /// True for one new connection out of `share`, at random.
    pub(crate) fn one_in(self, share: u32) -> Self {
        const NFTA_NG_DREG: u16 = 1;
        const NFTA_NG_MODULUS: u16 = 2;
        const NFTA_NG_TYPE: u16 = 3;
        let roll = Attributes::default()
            .network(NFTA_NG_DREG, REGISTER_1)
            .network(NFTA_NG_MODULUS, share)
            .network(NFTA_NG_TYPE, libc::NFT_NG_RANDOM as u32);
        self.push("numgen", roll).compare(EQUAL, &0u32.to_ne_bytes())
    }
}

// What happens
impl Rule {
    pub(crate) fn accept(self) -> Self {
        self.verdict(libc::NF_ACCEPT)
    }

    pub(crate) fn drop(self) -> Self {
        self.verdict(libc::NF_DROP)
    }

    /// The destination becomes this machine (127.0.0.1, or the address of the input interface) and
    /// this port.
    pub(crate) fn redirect_to(self, port: u16) -> Self {
        const NFTA_REDIR_REG_PROTO_MIN: u16 = 1;
        self.load_constant(REGISTER_1, &port.to_be_bytes())
            .push("redir", Attributes::default().network(NFTA_REDIR_REG_PROTO_MIN, REGISTER_1))
    }

    /// The destination becomes this address and port.
    pub(crate) fn destination_becomes(self, address: Ipv4Addr, port: u16) -> Self {
        const NFTA_NAT_TYPE: u16 = 1;
        const NFTA_NAT_FAMILY: u16 = 2;
        const NFTA_NAT_REG_ADDR_MIN: u16 = 3;
        const NFTA_NAT_REG_PROTO_MIN: u16 = 5;
        let nat = Attributes::default()
            .network(NFTA_NAT_TYPE, libc::NFT_NAT_DNAT as u32)
            .network(NFTA_NAT_FAMILY, libc::NFPROTO_IPV4 as u32)
            .network(NFTA_NAT_REG_ADDR_MIN, REGISTER_1)
            .network(NFTA_NAT_REG_PROTO_MIN, REGISTER_2);
        self.load_constant(REGISTER_1, &address.octets())
            .load_constant(REGISTER_2, &port.to_be_bytes())
            .push("nat", nat)
    }

    /// The source becomes the address of the output interface.
    pub(crate) fn masquerade(self) -> Self {
        self.push("masq", Attributes::default())
    }

    /// Answers a TCP packet with RST: the caller sees "connection refused".
    pub(crate) fn reset(self) -> Self {
        const TCP_RESET: u32 = 1;
        self.push("reject", Attributes::default().network(1, TCP_RESET).bytes(2, &[0]))
    }

    /// Answers with ICMP "administratively prohibited" (RFC 1812 section 5.2.7.1): the caller sees
    /// "no route to host".
    pub(crate) fn prohibit(self) -> Self {
        const ICMP_UNREACHABLE: u32 = 0;
        const COMMUNICATION_PROHIBITED: u8 = 13;
        self.push(
            "reject",
            Attributes::default().network(1, ICMP_UNREACHABLE).bytes(2, &[COMMUNICATION_PROHIBITED]),
        )
    }

    /// Answers with ICMP "port unreachable": the caller of a datagram socket sees "connection
    /// refused".
    pub(crate) fn port_unreachable(self) -> Self {
        const ICMP_UNREACHABLE: u32 = 0;
        const PORT_UNREACHABLE: u8 = 3;
        self.push("reject", Attributes::default().network(1, ICMP_UNREACHABLE).bytes(2, &[PORT_UNREACHABLE]))
    }
}

// The register machine
impl Rule {
    pub(super) fn into_expressions(self) -> Attributes {
        self.0
    }

    fn push(self, name: &str, data: Attributes) -> Self {
        let expression = Attributes::default().text(NFTA_EXPR_NAME, name).nest(NFTA_EXPR_DATA, data);
        Self(self.0.nest(NFTA_LIST_ELEM, expression))
    }

    fn load_meta(self, key: i32) -> Self {
        const NFTA_META_DREG: u16 = 1;
        const NFTA_META_KEY: u16 = 2;
        let load =
            Attributes::default().network(NFTA_META_DREG, REGISTER_1).network(NFTA_META_KEY, key as u32);
        self.push("meta", load)
    }

    fn load_header(self, header: u32, offset: u32, length: u32) -> Self {
        const NFTA_PAYLOAD_DREG: u16 = 1;
        const NFTA_PAYLOAD_BASE: u16 = 2;
        const NFTA_PAYLOAD_OFFSET: u16 = 3;
        const NFTA_PAYLOAD_LEN: u16 = 4;
        let load = Attributes::default()
            .network(NFTA_PAYLOAD_DREG, REGISTER_1)
            .network(NFTA_PAYLOAD_BASE, header)
            .network(NFTA_PAYLOAD_OFFSET, offset)
            .network(NFTA_PAYLOAD_LEN, length);
        self.push("payload", load)
    }

    fn load_constant(self, register: u32, value: &[u8]) -> Self {
        let load = Attributes::default().network(1, register).nest(2, constant(value));
        self.push("immediate", load)
    }

    fn masked_destination(self, prefix: u8) -> Self {
        self.load_header(NETWORK_HEADER, IPV4_DESTINATION_OFFSET, 4)
            .mask(masked(Ipv4Addr::BROADCAST, prefix).octets())
    }

    fn mask(self, mask: [u8; 4]) -> Self {
        const NFTA_BITWISE_SREG: u16 = 1;
        const NFTA_BITWISE_DREG: u16 = 2;
        const NFTA_BITWISE_LEN: u16 = 3;
        const NFTA_BITWISE_MASK: u16 = 4;
        const NFTA_BITWISE_XOR: u16 = 5;
        let and = Attributes::default()
            .network(NFTA_BITWISE_SREG, REGISTER_1)
            .network(NFTA_BITWISE_DREG, REGISTER_1)
            .network(NFTA_BITWISE_LEN, 4)
            .nest(NFTA_BITWISE_MASK, constant(&mask))
            .nest(NFTA_BITWISE_XOR, constant(&[0; 4]));
        self.push("bitwise", and)
    }

    fn compare(self, operation: u32, value: &[u8]) -> Self {
        const NFTA_CMP_SREG: u16 = 1;
        const NFTA_CMP_OP: u16 = 2;
        const NFTA_CMP_DATA: u16 = 3;
        let compare = Attributes::default()
            .network(NFTA_CMP_SREG, REGISTER_1)
            .network(NFTA_CMP_OP, operation)
            .nest(NFTA_CMP_DATA, constant(value));
        self.push("cmp", compare)
    }

    fn verdict(self, code: i32) -> Self {
        const NFTA_DATA_VERDICT: u16 = 2;
        const NFTA_VERDICT_CODE: u16 = 1;
        let verdict = Attributes::default().network(NFTA_VERDICT_CODE, code.cast_unsigned());
        let data = Attributes::default().nest(NFTA_DATA_VERDICT, verdict);
        self.push("immediate", Attributes::default().network(1, libc::NFT_REG_VERDICT as u32).nest(2, data))
    }
}

fn constant(value: &[u8]) -> Attributes {
    const NFTA_DATA_VALUE: u16 = 1;
    Attributes::default().bytes(NFTA_DATA_VALUE, value)
}

/// Interface names are compared whole, zero-padded to the kernel's IFNAMSIZ.
fn interface_name(name: &str) -> [u8; libc::IFNAMSIZ] {
    let mut bytes = [0; libc::IFNAMSIZ];
    for (target, byte) in bytes.iter_mut().take(libc::IFNAMSIZ - 1).zip(name.bytes()) {
        *target = byte;
    }
    bytes
}

fn masked(address: Ipv4Addr, prefix: u8) -> Ipv4Addr {
    let bits = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
    Ipv4Addr::from_bits(address.to_bits() & bits)
}
