//! The contract between Carrick's control plane and its proxies: Envoy's xDS v3 messages and the
//! ADS protocol.
//!
//! Pure: no sockets, no clock, no YAML of Istio's. It must not know what a VirtualService is, nor
//! how a proxy works.
//!
//! Reading order: [`pb`] (generated messages), [`resource`] (named, versioned resources),
//! [`server`] and [`client`] (the two ends of an ADS stream), [`nack`] (what a refusal says),
//! [`json`] (any message as JSON or YAML), [`field_error`] (why a message was refused, by field
//! path).

pub mod client;
pub mod field_error;
pub mod json;
pub mod nack;
pub mod pb;
pub mod resource;
pub mod server;

pub use field_error::FieldError;
pub use resource::{ProxyResources, Resource, ResourceType, WILDCARD};
