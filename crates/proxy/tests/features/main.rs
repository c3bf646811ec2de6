//! Stories about what routes, filters and clusters can be told to do. Each runs twice, with the same configuration and the same
//! expectations: on Carrick's proxy, and on Envoy.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test program: a failing unwrap or panic is a failing test"
)]

mod access;
#[path = "../transport/authority.rs"]
mod authority;
mod cors;
mod faults;
mod forgeries;
mod hashing;
mod health;
mod identities;
mod limits;
mod mirrors;
mod names;
mod outliers;
mod patience;
mod routes;
mod server;
mod stats;
#[allow(dead_code, reason = "each test program uses its part of it")]
#[path = "../support/teller2.rs"]
mod teller2;
mod world;
