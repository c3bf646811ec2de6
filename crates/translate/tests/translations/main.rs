//! What translate writes, against files that say what it should be, and against a real Envoy that
//! has to load it.

// A failing unwrap or a panic here is a failing test.
#![allow(clippy::unwrap_used, clippy::panic)]

mod case;
mod envoy;
mod shown;

mod bootstrap;
mod coverage;
mod golden;
mod original_demo;
