//! The same bootstrap and the same traffic to Envoy and to Carrick's proxy: clients, upstreams and
//! logs must not be able to tell which it was. Where Carrick differs on purpose, `known.rs` names
//! it and `docs/differences-from-envoy.md` says why.
//!
//! Needs Envoy 1.40: its path in the environment variable `CARRICK_ENVOY`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test program: a failing unwrap or panic is a failing test, and it prints the size of its matrix"
)]

mod bootstrap;
#[path = "../fixtures/mod.rs"]
mod fixtures;
mod http1;
mod http2;
mod known;
mod matrix;
mod pair;
mod passthrough;
