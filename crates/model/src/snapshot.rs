//! The validated whole of one cluster's mesh, and the questions that can be asked of it.
//!
//! A [`MeshSnapshot`] comes only from [`build`]; it never changes. Each index answers one kind of question by the
//! rules of one section of Istio's semantics.

mod mtls;
mod names;
mod policy;
mod protocol;
mod service;
mod visibility;
mod workload;

pub use mtls::{MtlsMode, ServerMtls};
pub use names::{NameEntry, Registry};
pub use policy::{EffectiveDestinationRule, EffectivePolicy};
pub use protocol::Protocol;
pub use service::{
    Endpoint, EndpointAddress, Resolution, Service, ServiceKind, ServicePort, TargetPort, TlsCapability,
};
pub use visibility::ExportTo;
pub use workload::Workload;
