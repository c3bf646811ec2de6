//! Interfaces, addresses and routes: the few rtnetlink requests that a pod needs (man 7 rtnetlink).
//! Every call works in the network namespace that its [`Conversation`] was opened in.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use nix::libc;

use super::{Attributes, Conversation, Message};

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const NDTA_NAME: u16 = 1;
const NDTA_PARMS: u16 = 6;
const NDTPA_IFINDEX: u16 = 1;
const NDTPA_RETRANS_TIME: u16 = 5;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
/// "The gateway is on this link, believe me": pods have /32 addresses
/// (include/uapi/linux/rtnetlink.h).
const RTNH_F_ONLINK: u32 = 4;
const NEW: i32 = libc::NLM_F_CREATE | libc::NLM_F_EXCL;

/// The loopback interface is the first of every network namespace.
pub(crate) const LOOPBACK: u32 = 1;

/// A virtual wire: one end in this namespace under a bridge, the other in a pod.
pub(crate) struct Wire<'a> {
    pub(crate) near_name: &'a str,
    pub(crate) bridge: u32,
    pub(crate) far_name: &'a str,
    pub(crate) far_namespace: BorrowedFd<'a>,
    /// Derived from the address, so that a pod that is replaced under its old address keeps its
    /// neighbours' ARP entries true.
    pub(crate) far_hardware_address: [u8; 6],
}

impl Conversation {
    /// Switches an interface on.
    pub(crate) fn set_up(&mut self, index: u32) -> io::Result<()> {
        self.request(libc::RTM_NEWLINK, 0, ifinfo(index, libc::IFF_UP))
    }

    /// Makes a bridge that is up, and returns its index. Its hardware address is given, because
    /// else it would change with every wire that comes or goes, and the neighbours would not notice
    /// for a while.
    pub(crate) fn add_bridge(&mut self, name: &str, hardware_address: [u8; 6]) -> io::Result<u32> {
        let info = Attributes::default().bytes(IFLA_INFO_KIND, b"bridge");
        let bridge = ifinfo(0, libc::IFF_UP)
            .text(IFLA_IFNAME, name)
            .bytes(IFLA_ADDRESS, &hardware_address)
            .nest(IFLA_LINKINFO, info);
        self.request(libc::RTM_NEWLINK, NEW, bridge)?;
        self.index_of(name)
    }

    /// Lays a wire whose near end is up. The far end cannot be switched on yet: the kernel makes it
    /// before the near one.
    pub(crate) fn add_wire(&mut self, wire: &Wire<'_>) -> io::Result<()> {
        let far_end = ifinfo(0, 0)
            .text(IFLA_IFNAME, wire.far_name)
            .bytes(IFLA_ADDRESS, &wire.far_hardware_address)
            .native(IFLA_NET_NS_FD, wire.far_namespace.as_raw_fd() as u32);
        let info = Attributes::default()
            .bytes(IFLA_INFO_KIND, b"veth")
            .nest(IFLA_INFO_DATA, Attributes::default().nest(VETH_INFO_PEER, far_end));
        let near_end = ifinfo(0, libc::IFF_UP)
            .text(IFLA_IFNAME, wire.near_name)
            .native(IFLA_MASTER, wire.bridge)
            .nest(IFLA_LINKINFO, info);
        self.request(libc::RTM_NEWLINK, NEW, near_end)
    }

    /// How long a neighbour on this interface may take to answer "who has this address?" before it
    /// is asked again (three times, then it is unreachable). The sysctl of that name is not to be
    /// had in a user namespace.
    pub(crate) fn set_neighbour_patience(&mut self, index: u32, patience: Duration) -> io::Result<()> {
        let milliseconds = patience.as_millis() as u64;
        let parameters = Attributes::default()
            .native(NDTPA_IFINDEX, index)
            .bytes(NDTPA_RETRANS_TIME, &milliseconds.to_ne_bytes());
        // struct ndtmsg: family, padding
        let body = Attributes::after(&[libc::AF_INET as u8, 0, 0, 0])
            .text(NDTA_NAME, "arp_cache")
            .nest(NDTA_PARMS, parameters);
        self.request(libc::RTM_SETNEIGHTBL, 0, body)
    }

    /// Removes an interface at once (dropping its namespace would do it too, but some time later).
    pub(crate) fn remove_link(&mut self, name: &str) -> io::Result<()> {
        self.request(libc::RTM_DELLINK, 0, ifinfo(0, 0).text(IFLA_IFNAME, name))
    }

    pub(crate) fn index_of(&mut self, name: &str) -> io::Result<u32> {
        let message = Message::new(libc::RTM_GETLINK, 0, ifinfo(0, 0).text(IFLA_IFNAME, name));
        let answers = self.exchange(vec![message])?;
        // struct ifinfomsg: family, padding, type (u16), index (i32)
        let index =
            answers.first().and_then(|answer| answer.get(4..8)).and_then(|bytes| bytes.try_into().ok());
        index.map(u32::from_ne_bytes).ok_or_else(|| io::Error::other("the kernel's answer has no index"))
    }

    pub(crate) fn add_address(&mut self, index: u32, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
        let mut fixed = vec![libc::AF_INET as u8, prefix, 0, libc::RT_SCOPE_UNIVERSE];
        fixed.extend(index.to_ne_bytes());
        let body = Attributes::after(&fixed)
            .bytes(IFA_LOCAL, &address.octets())
            .bytes(IFA_ADDRESS, &address.octets());
        self.request(libc::RTM_NEWADDR, NEW, body)
    }

    /// The default route: all that has no nearer route goes to `gateway` over the interface
    /// `index`.
    pub(crate) fn add_default_route(&mut self, index: u32, gateway: Ipv4Addr) -> io::Result<()> {
        // struct rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags (u32)
        let mut fixed = vec![libc::AF_INET as u8, 0, 0, 0];
        fixed.extend([libc::RT_TABLE_MAIN, libc::RTPROT_STATIC, libc::RT_SCOPE_UNIVERSE, libc::RTN_UNICAST]);
        fixed.extend(RTNH_F_ONLINK.to_ne_bytes());
        let body = Attributes::after(&fixed).native(RTA_OIF, index).bytes(RTA_GATEWAY, &gateway.octets());
        self.request(libc::RTM_NEWROUTE, NEW, body)
    }

    fn request(&mut self, kind: u16, flags: i32, body: Attributes) -> io::Result<()> {
        self.exchange(vec![Message::new(kind, flags, body)]).map(drop)
    }
}

/// struct ifinfomsg: family, padding, type (u16), index (i32), flags (u32), which flags to change
/// (u32).
fn ifinfo(index: u32, flags: i32) -> Attributes {
    let mut fixed = vec![libc::AF_UNSPEC as u8, 0, 0, 0];
    fixed.extend(index.to_ne_bytes());
    fixed.extend((flags as u32).to_ne_bytes());
    fixed.extend((flags as u32).to_ne_bytes());
    Attributes::after(&fixed)
}
