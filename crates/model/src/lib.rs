//! Istio and Kubernetes objects become typed resources, and typed resources become a validated
//! [`MeshSnapshot`].
//!
//! Pure: no files, no clock, no sockets, no async. Whoever calls hands in text and gets back values
//! and diagnostics. This crate knows nothing of Envoy, xDS or proxies; `carrick-translate` is the
//! next stage.
//!
//! Reading order: [`source`] and [`diagnostic`] (where, and what is wrong), [`resource`] and
//! [`resources`] (what an operator can write), [`parse`] (text -> resources), [`federation`] (which
//! cluster gets what), [`mesh`] and [`addresses`] (settings and address allocation), [`snapshot`]
//! (what can be asked of a mesh), `validate` and [`build()`](build()) (resources ->
//! [`MeshSnapshot`]).

#![warn(unreachable_pub)]

pub mod source;

pub mod diagnostic;

pub mod cidr;

pub mod host;

pub mod visibility;

pub mod resource;

pub mod resources;

pub mod parse;

pub mod federation;

pub mod mesh;

pub mod addresses;

mod validate;

pub mod snapshot;

mod build;

pub use addresses::AddressTable;
pub use build::build;
pub use cidr::Cidr;
pub use diagnostic::{Colour, Diagnostic, Severity, render, render_with};
pub use federation::{ClusterConfig, ClusterRuntime, FederatedCluster, Federation, parse_federation};
pub use mesh::{AccessLog, MeshSettings, OutboundPolicy};
pub use parse::{ParseCache, ParsedFile, parse, parse_with};
pub use resource::{AnyResource, Kind, Meta, Resource, ResourceName};
pub use snapshot::{
    EffectiveDestinationRule, EffectivePolicy, Endpoint, EndpointAddress, MeshSnapshot, MtlsMode, NameEntry,
    Protocol, Resolution, Service, ServiceKind, ServicePort, Workload,
};
pub use source::{Location, SourceFile};
pub use visibility::ExportTo;
