//! A federation on one machine: its layout on disk, its plan, the supervisor that runs it, and how
//! other commands talk to that.
//!
//! It must not know what a demo is.

pub mod layout;

pub mod plan;
pub mod pods;

pub mod http;

pub mod envoy;
mod networks;
pub mod programs;
mod runtime;
pub mod runtime_facts;

pub mod server;
pub mod supervisor;

pub mod client;
pub mod outer;
