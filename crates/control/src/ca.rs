//! The cluster CA: enrolled at the root, it signs the cluster's workloads through Istio's
//! certificate service.
//!
//! It must not know how configuration comes about, nor how callers are authenticated.

mod enrol;
mod error;
mod follow;
mod pending;
mod service;
mod store;

pub use enrol::RootClient;
pub use error::{CaError, RootError};
pub use follow::follow;
pub use service::CaService;
pub use store::{ClusterCa, Enrolment, load_or_enrol, needs_enrolment};
