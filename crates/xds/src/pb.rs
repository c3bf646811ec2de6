//! The generated protobuf messages, as `pb::envoy::config::listener::v3::Listener` and so on.
//!
//! Nothing here is written by hand; see `build.rs`.
#![allow(clippy::all, rustdoc::all, missing_docs)]

include!(concat!(env!("OUT_DIR"), "/protos.rs"));
