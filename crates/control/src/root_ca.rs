//! The root of trust: it signs cluster CAs, one for each single-use enrolment token, and nothing else.
//!
//! A process of its own, best on a machine of its own. It must not know clusters' configuration, nor workloads.

mod server;
mod store;
mod tokens;

pub use server::serve;
pub use store::RootStore;
pub use tokens::EnrolError;
