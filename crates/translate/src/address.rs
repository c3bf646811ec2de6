//! Socket addresses and address ranges in Envoy's form. It must not know who listens or dials.

use std::fmt::Display;
use std::net::IpAddr;

use crate::envoy::core::{self, Address, CidrRange, Pipe, SocketAddress};

/// `host` may be an IP address or, for DNS clusters, a name.
pub(crate) fn socket(host: &impl Display, port: u16) -> SocketAddress {
    SocketAddress {
        address: host.to_string(),
        port_specifier: Some(core::socket_address::PortSpecifier::PortValue(port.into())),
        ..Default::default()
    }
}

pub(crate) fn tcp(host: &impl Display, port: u16) -> Address {
    Address { address: Some(core::address::Address::SocketAddress(socket(host, port))) }
}

pub(crate) fn unix(path: &str) -> Address {
    let pipe = Pipe { path: path.into(), ..Default::default() };
    Address { address: Some(core::address::Address::Pipe(pipe)) }
}

pub(crate) fn range(address: IpAddr, prefix_len: u8) -> CidrRange {
    CidrRange { address_prefix: address.to_string(), prefix_len: Some(prefix_len.into()) }
}
