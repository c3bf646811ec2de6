//! HTTP: the connection manager, its routes, and its way upstream.
//!
//! It must not know how connections are accepted or decrypted, nor how a cluster chooses endpoints.
//!
//! Reading order: [`service`] (a request, top to bottom), [`serve`] and [`downstream`] (a
//! connection), [`wire`] with [`framing`] (what may pass on it), [`request`] with [`sanitize`],
//! [`path`], [`forwarded`], [`xfcc`] (what a request must be), [`manager`] (settings), [`plan`]
//! with [`route`] and [`tables`] (the decision), [`filtering`] with [`filters`], [`exchange`] with
//! [`bodies`], [`outgoing`], [`attempt`] and [`shadow`] (carrying it out), [`response`], [`answer`]
//! and [`reply`], [`record`] (what is written down).

mod answer;
mod attempt;
mod bodies;
mod downstream;
mod exchange;
mod failure;
mod filtering;
mod guard;
mod outgoing;
mod own_address;
mod record;
mod request;
mod response;
mod rewind;
mod serve;
mod service;
mod shadow;
mod tables;
mod upgrade;
mod wire;

pub use downstream::HttpService;
pub use serve::serve;
pub use tables::{RouteSlot, RouteTables};
