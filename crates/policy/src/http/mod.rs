//! HTTP: the connection manager's settings, its routes, and what becomes of a request by them.
//!
//! Pure. It must not know how messages are read or sent, nor how a cluster chooses hosts.
//!
//! Reading order: [`manager`] (settings); [`framing`] (bytes of a head); [`sanitize`], [`request`],
//! [`path`], [`forwarded`], [`xfcc`] (what a request must be, and what the next hop is told),
//! [`prepared`]; [`plan`] with [`route`] (the decision); [`filters`]; [`reply`] (answers of the
//! proxy's own).

pub mod filters;
pub mod forwarded;
pub mod framing;
pub mod manager;
pub mod path;
pub mod plan;
pub mod prepared;
pub mod reply;
pub mod request;
pub mod route;
pub mod sanitize;
pub mod xfcc;

pub use manager::{HttpManager, RouteSource};
pub use route::RouteTable;
