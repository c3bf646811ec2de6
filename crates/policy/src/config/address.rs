//! Addresses and address ranges of xDS messages.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::core::v3::address::Address as Kind;
use carrick_xds::pb::envoy::config::core::v3::socket_address::{PortSpecifier, Protocol};
use carrick_xds::pb::envoy::config::core::v3::{Address as AddressPb, CidrRange, Pipe, SocketAddress};

use super::refuse::refuse;
use crate::address::Address;

/// A host by address, or by a name that is still to be resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    Address(Address),
    Name { name: String, port: u16 },
}

/// The address of an endpoint, where names may be allowed (DNS clusters).
pub fn host(pb: Option<&AddressPb>) -> Result<Host, FieldError> {
    match pb.and_then(|AddressPb { address }| address.as_ref()) {
        Some(Kind::SocketAddress(pb)) => {
            let (address, port) = parts(pb).map_err(|e| e.within("socket_address"))?;
            Ok(match address.parse::<IpAddr>() {
                Ok(ip) => Host::Address(SocketAddr::new(ip, port).into()),
                Err(_) if address.is_empty() => {
                    return Err(FieldError::new("socket_address.address", "must not be empty"));
                }
                Err(_) => Host::Name { name: address.to_owned(), port },
            })
        }
        Some(Kind::Pipe(pb)) => pipe(pb).map(Host::Address).map_err(|e| e.within("pipe")),
        Some(Kind::EnvoyInternalAddress(_)) => Err(FieldError::new(
            "envoy_internal_address",
            "is not implemented: there are no internal listeners",
        )),
        None => Err(FieldError::new("", "an address is required")),
    }
}

fn pipe(pb: &Pipe) -> Result<Address, FieldError> {
    let Pipe { path, mode } = pb;
    refuse!(mode);
    match path.is_empty() {
        true => Err(FieldError::new("path", "must not be empty")),
        false => Ok(Address::Pipe(PathBuf::from(path))),
    }
}

/// An address that must be numeric.
pub fn numeric(pb: Option<&AddressPb>) -> Result<Address, FieldError> {
    match host(pb)? {
        Host::Address(address) => Ok(address),
        Host::Name { name, .. } => Err(FieldError::new(
            "socket_address.address",
            format!("{name:?} is not an IP address, and only STRICT_DNS and LOGICAL_DNS clusters take names"),
        )),
    }
}

/// As [`numeric`], but must not be a Unix socket.
pub fn socket(pb: Option<&AddressPb>) -> Result<SocketAddr, FieldError> {
    numeric(pb)?
        .socket()
        .ok_or_else(|| FieldError::new("pipe", "only an IP address and port can be used here"))
}

/// Whether an IPv6 address is to take IPv4 connections too.
pub fn ipv4_compat(pb: Option<&AddressPb>) -> bool {
    matches!(pb.and_then(|pb| pb.address.as_ref()), Some(Kind::SocketAddress(pb)) if pb.ipv4_compat)
}

/// A bare socket address, as `upstream_bind_config` has it.
pub fn bare(pb: &SocketAddress) -> Result<SocketAddr, FieldError> {
    let (address, port) = parts(pb)?;
    let ip = address.parse::<IpAddr>();
    let ip = ip.map_err(|_| FieldError::new("address", format!("{address:?} is not an IP address")))?;
    Ok(SocketAddr::new(ip, port))
}

/// The address as it is written, and the port.
fn parts(pb: &SocketAddress) -> Result<(&str, u16), FieldError> {
    let SocketAddress {
        protocol: _,
        address,
        resolver_name,
        // Read where listeners are converted.
        ipv4_compat: _,
        network_namespace_filepath,
        port_specifier,
    } = pb;
    refuse!(resolver_name, network_namespace_filepath);
    if pb.protocol() == Protocol::Udp {
        return Err(FieldError::new("protocol", "UDP is not implemented; use TCP"));
    }
    let port = match port_specifier {
        Some(PortSpecifier::PortValue(port)) => u16::try_from(*port)
            .map_err(|_| FieldError::new("port_value", format!("{port} is not a port (0 to 65535)")))?,
        Some(PortSpecifier::NamedPort(name)) => {
            let reason = format!("is not implemented: give the number of {name:?} as port_value");
            return Err(FieldError::new("named_port", reason));
        }
        None => 0,
    };
    Ok((address, port))
}

/// A range of addresses: all that share the first `length` bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    /// With the bits after the first `length` zero.
    base: IpAddr,
    length: u8,
}

impl Cidr {
    pub fn from_proto(pb: &CidrRange) -> Result<Self, FieldError> {
        let CidrRange { address_prefix, prefix_len } = pb;
        let ip: IpAddr = address_prefix.parse().map_err(|_| {
            FieldError::new("address_prefix", format!("{address_prefix:?} is not an IP address"))
        })?;
        let bits: u8 = if ip.is_ipv4() { 32 } else { 128 };
        let length = prefix_len.unwrap_or(0);
        match u8::try_from(length) {
            Ok(length) if length <= bits => Ok(Self { base: mask(ip, length), length }),
            _ => Err(FieldError::new("prefix_len", format!("{length} is more than the {bits} bits of {ip}"))),
        }
    }

    pub fn length(self) -> u8 {
        self.length
    }

    pub fn contains(self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.base.is_ipv4() == ip.is_ipv4() && mask(ip, self.length) == self.base
    }
}

fn mask(ip: IpAddr, length: u8) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => {
            let keep = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            IpAddr::V4((ip.to_bits() & keep).into())
        }
        IpAddr::V6(ip) => {
            let keep = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            IpAddr::V6((ip.to_bits() & keep).into())
        }
    }
}
