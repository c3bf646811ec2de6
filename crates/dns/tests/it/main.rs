//! The DNS server from outside: real sockets, hostile peers, and `dig`.

mod dig;
mod relay;
mod sockets;
mod support;
