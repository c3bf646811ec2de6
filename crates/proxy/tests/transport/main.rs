//! Stories about connections: real sockets on loopback, real TLS, a real xDS server.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test program: a failing unwrap or panic is a failing test"
)]

mod busy;
mod control;
mod draining;
mod dynamic;
#[path = "../fixtures/mod.rs"]
mod fixtures;
mod hellos;
mod identities;
mod relaying;
