//! HTTP/1 messages on a downstream connection: whether a head means the same to everyone who reads
//! it, and where its body ends.
//!
//! Pure: bytes go in, a judgement comes out. It must not know how bytes are read, nor what a
//! request is about.

pub mod chunks;
pub mod head;
