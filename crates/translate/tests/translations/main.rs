//! What translate writes, against files that say what it should be, and against a real Envoy that has to load it.

// A failing unwrap here is a failing test.
#![allow(clippy::unwrap_used)]

mod case;
mod envoy;
mod shown;

mod bootstrap;
mod golden;
mod original_demo;
