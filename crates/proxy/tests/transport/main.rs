//! Stories about connections: real sockets on loopback, real TLS, a real xDS server.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test program: a failing unwrap or panic is a failing test"
)]

mod authority;
mod busy;
mod control;
mod draining;
mod dynamic;
mod hellos;
mod identities;
mod peers;
mod relaying;
mod world;
