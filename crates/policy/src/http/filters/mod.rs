//! HTTP filters before the router: what they are configured to do, and what they decide about a
//! request. They may let it go on, mark it, hold it up, or answer it.
//!
//! Pure: what is decided is done elsewhere. They must not know where a request goes after them.
//!
//! Reading order: [`per_route`] (what a route says to a filter), then one file for each filter.

pub mod alpn;
mod cors;
mod fault;
mod per_route;
mod rbac;

use super::reply::LocalReply;
use crate::config::tls::Alpn;
pub use cors::CorsPolicy;
pub use fault::Fault;
pub use per_route::{FilterConfigs, PerRoute};
pub use rbac::Rbac;

/// One filter, as the connection manager has it.
#[derive(Debug)]
pub struct Filter {
    /// Routes address their configuration to this name.
    pub name: String,
    pub kind: FilterKind,
}

#[derive(Debug)]
pub enum FilterKind {
    Rbac(Rbac),
    /// What holds for routes that say nothing.
    Fault(Fault),
    /// All that it does, routes say.
    Cors,
    /// What is offered to the upstream's TLS where routes say nothing; `None`: what the cluster
    /// says.
    Alpn(Option<Alpn>),
}

/// An answer that a filter gave in the router's place.
#[derive(Debug)]
pub struct Stopped {
    pub reply: LocalReply,
    /// Envoy sends some answers as they are: without the route's header rules, and not in gRPC's
    /// form.
    pub as_it_is: bool,
}

impl From<LocalReply> for Stopped {
    fn from(reply: LocalReply) -> Self {
        Self { reply, as_it_is: false }
    }
}

#[cfg(test)]
mod tests;
