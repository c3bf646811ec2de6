//! What the test programs of several crates share. Only dev-dependencies name this crate.
//!
//! It must not know what any test asserts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "part of test programs: a failing step is a failing test"
)]

pub mod needs;
