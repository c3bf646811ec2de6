//! Stories about what routes, filters and clusters can be told to do. Each runs twice, with the
//! same configuration and the same expectations: on Carrick's proxy, and on Envoy.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test program: a failing unwrap or panic is a failing test"
)]

mod access;
mod cors;
mod faults;
#[path = "../fixtures/mod.rs"]
mod fixtures;
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
mod subjects;
