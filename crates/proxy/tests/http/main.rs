//! Stories about HTTP on real sockets: both versions in each direction, bodies that flow,
//! connections that change, end, or misbehave. Foreign clients (curl, h2, bytes by hand) and
//! foreign servers, wherever they prove more than our own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test program: a failing unwrap or panic is a failing test"
)]

mod admin;
mod broken_off;
mod client;
mod connections;
mod draining;
#[path = "../fixtures/mod.rs"]
mod fixtures;
mod identities;
mod limits;
mod mixes;
mod routing;
mod streaming;
mod upgrades;
