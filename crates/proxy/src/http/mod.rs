//! HTTP: the connection manager, its routes, and its way upstream.
//!
//! It must not know how connections are accepted or decrypted, nor how a cluster chooses endpoints.
//!
//! Reading order: [`manager`] (settings), [`downstream`] (a connection), [`wire`] (what may pass on it), [`request`] (a request: [`sanitize`], [`path`],
//! [`forwarded`], [`xfcc`]), [`plan`] with [`route`] and [`tables`] (the decision), [`filters`], [`exchange`] with [`bodies`] and [`outgoing`], [`attempt`] and [`shadow`]
//! (carrying it out), [`response`] and [`reply`] (the answer), [`record`] (what is written down).

mod attempt;
mod bodies;
mod downstream;
mod exchange;
mod failure;
mod filters;
mod forwarded;
mod guard;
mod manager;
mod outgoing;
mod path;
mod plan;
mod record;
mod reply;
mod request;
mod response;
mod rewind;
mod route;
mod sanitize;
mod shadow;
mod tables;
mod upgrade;
mod wire;
mod xfcc;

pub use downstream::serve;
pub use manager::{HttpManager, RouteSource};
pub use route::RouteTable;
pub use tables::{RouteSlot, RouteTables};
