//! The cluster CA: enrolled at the root, it signs the cluster's workloads through Istio's certificate service.
//!
//! It must not know configuration, nor how callers are authenticated.

mod enrol;
mod service;
mod store;

pub use enrol::RootClient;
pub use service::CaService;
pub use store::{ClusterCa, load_or_enrol};
