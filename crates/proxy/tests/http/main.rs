//! Stories about HTTP on real sockets: both versions in each direction, bodies that flow, connections that change, end, or misbehave.
//! Foreign clients (curl, h2, bytes by hand) and foreign servers, wherever they prove more than our own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test program: a failing unwrap or panic is a failing test"
)]

mod admin;
#[path = "../transport/authority.rs"]
mod authority;
mod broken_off;
mod connections;
mod draining;
mod identities;
mod limits;
mod mixes;
mod routing;
mod streaming;
#[path = "../support/mod.rs"]
mod support;
mod upgrades;
mod world;
