//! Stories from one end to the other: the program as its user runs it, in real namespaces, with
//! curl, dig, openssl and Envoy as witnesses.
//!
//! Start with `demo`. Every story has run and state directories of its own, so that stories run
//! beside each other. Where the machine does not allow namespaces they fail, with what the program
//! says is missing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests: a failing step is a failing test")]

mod access;
mod certificates;
mod cleanup;
mod demo;
mod edits;
mod envoy;
mod fixtures;
mod fleet;
mod hostile;
mod identity;
mod layers;
mod original;
mod outsiders;
mod root_ca;
mod separation;
mod stayup;
mod tidy;
