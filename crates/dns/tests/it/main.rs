//! The DNS server from outside: real sockets, hostile peers, and `dig`.
//!
//! `cfg(test)` holds here anyway; it is written so that clippy lets the helpers unwrap.

#[cfg(test)]
mod dig;
#[cfg(test)]
mod relay;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod support;
