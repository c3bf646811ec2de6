//! Socket options, as the configuration wants them, put on sockets.
//!
//! It must not know what a socket is for.

use std::io;
use std::net::SocketAddr;

use carrick_policy::config::socket::{KeepaliveSettings, SocketOption, SocketSettings};
use socket2::{SockRef, TcpKeepalive as Keepalive};

/// Applies all options. `address` tells the family, which some options differ by.
pub(crate) fn apply(
    settings: &SocketSettings,
    socket: &socket2::Socket,
    address: SocketAddr,
) -> io::Result<()> {
    for option in settings.options() {
        set(*option, socket, address)?;
    }
    match settings.keepalive() {
        Some(keepalive) => keep_alive(keepalive, socket),
        None => Ok(()),
    }
}

/// Applies what an accepted connection does not inherit by itself.
pub(crate) fn apply_accepted(settings: &SocketSettings, socket: SockRef<'_>) -> io::Result<()> {
    match settings.keepalive() {
        Some(keepalive) => keep_alive(keepalive, &socket),
        None => Ok(()),
    }
}

fn keep_alive(settings: &KeepaliveSettings, socket: &socket2::Socket) -> io::Result<()> {
    let mut keepalive = Keepalive::new();
    if let Some(idle) = settings.idle {
        keepalive = keepalive.with_time(idle);
    }
    if let Some(interval) = settings.interval {
        keepalive = keepalive.with_interval(interval);
    }
    if let Some(probes) = settings.probes {
        keepalive = keepalive.with_retries(probes);
    }
    socket.set_tcp_keepalive(&keepalive)
}

fn set(option: SocketOption, socket: &socket2::Socket, address: SocketAddr) -> io::Result<()> {
    match option {
        SocketOption::Mark(mark) => socket.set_mark(mark),
        SocketOption::ReuseAddress(on) => socket.set_reuse_address(on),
        SocketOption::ReusePort(on) => socket.set_reuse_port(on),
        SocketOption::Keepalive(on) => socket.set_keepalive(on),
        SocketOption::SendBuffer(bytes) => socket.set_send_buffer_size(bytes),
        SocketOption::ReceiveBuffer(bytes) => socket.set_recv_buffer_size(bytes),
        SocketOption::NoDelay(on) => socket.set_tcp_nodelay(on),
        SocketOption::UserTimeout(time) => socket.set_tcp_user_timeout(Some(time)),
        SocketOption::TypeOfService(tos) if address.is_ipv4() => socket.set_tos_v4(tos),
        SocketOption::TypeOfService(class) => socket.set_tclass_v6(class),
        SocketOption::Freebind(on) if address.is_ipv4() => socket.set_freebind_v4(on),
        SocketOption::Freebind(on) => socket.set_freebind_v6(on),
        SocketOption::Transparent(on) => socket.set_ip_transparent_v4(on),
    }
}
