//! What an operator can write: one file per kind, plain structs in the API's own words.
//!
//! Every field is optional here, as in the APIs (proto3); `crate::validate` says what must be
//! there. No file here knows where a value stood in the text.

mod attribute;
mod authorization_policy;
mod deployment;
mod destination_rule;
mod endpoint_slice;
mod endpoints;
mod federation;
mod gateway;
mod legacy_policy;
mod load_balancer;
mod mesh_config;
mod namespace;
mod peer_authentication;
mod pod;
mod request_authentication;
mod scalars;
mod secret;
mod selector;
mod service;
mod service_account;
mod service_entry;
mod sidecar;
mod virtual_service;
mod workload_entry;

pub use attribute::*;
pub use authorization_policy::*;
pub use deployment::*;
pub use destination_rule::*;
pub use endpoint_slice::*;
pub use endpoints::*;
pub use federation::*;
pub use gateway::*;
pub use legacy_policy::*;
pub use load_balancer::*;
pub use mesh_config::*;
pub use namespace::*;
pub use peer_authentication::*;
pub use pod::*;
pub use request_authentication::*;
pub use scalars::{IntOrString, StringMatch};
pub use secret::*;
pub use selector::*;
pub use service::*;
pub use service_account::*;
pub use service_entry::*;
pub use sidecar::*;
pub use virtual_service::*;
pub use workload_entry::*;
