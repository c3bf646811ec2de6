//! The address of this machine, for `x-forwarded-for`.
//!
//! It must not know who is told.

use std::net::{IpAddr, UdpSocket};
use std::sync::LazyLock;

/// The address that this machine would use towards others.
pub(crate) fn own_address() -> IpAddr {
    *OWN_ADDRESS
}

/// Nothing is sent: connecting a UDP socket only consults the routes.
static OWN_ADDRESS: LazyLock<IpAddr> = LazyLock::new(|| {
    let probe = || {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    };
    probe().map_or(IpAddr::from([127, 0, 0, 1]), |address| address.ip())
});
