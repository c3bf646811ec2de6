//! Whether to believe a peer, and how its names are written down.
//!
//! It must not know handshakes, nor how secrets are fetched.

pub mod subject;
pub mod verify;
