//! Listeners: their configuration, which of them a connection belongs to, and what its first bytes
//! say.
//!
//! It must not know how bytes are read, nor what filters do with a connection.

pub mod client_hello;
pub mod config;
pub mod destination;
pub mod http_inspector;
