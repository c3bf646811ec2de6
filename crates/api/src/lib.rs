//! The JSON that operators' tools read, as types: what `--json` prints, and what the sockets of
//! control planes and supervisors answer. Whoever writes it and whoever reads it use the same type.
//!
//! Only shapes: it must not know how facts are found, nor how they are shown to people.
//!
//! `docs/json.md` and `docs/schema/` are written from these types and their comments.

pub mod analysis;
pub mod control;
pub mod demo;
pub mod document;
pub mod finding;
pub mod fleet;
pub mod root_ca;
pub mod trace;

pub use document::{ApiVersion, Document, Kind};
