//! The root of trust: it signs cluster CAs, one for each single-use enrolment token, and nothing
//! else.
//!
//! A process of its own, best on a machine of its own. It must not know clusters' configuration,
//! nor workloads.

mod error;
mod record;
mod server;
mod store;

pub use error::{RecordError, RootCaError, SignError};
pub use server::serve;
pub use store::RootStore;
