//! Carrick's data plane: a proxy that takes Envoy's configuration and nothing else.
//!
//! It must not know Istio's resources or YAML of any kind but Envoy's bootstrap; it is one more xDS
//! client.
//!
//! What to do is decided in `carrick-policy`; here it is done. Modules import downward only, and a
//! test keeps it so. From the top: [`runtime`] (everything is put together there, top to bottom);
//! [`session`], [`accept`], [`store`] and [`registry`] (configuration in), [`admin`] (what is told
//! about it); [`listener`] (a connection arrives); [`tcp`] and [`http`] (what is done with it);
//! [`env`] (what connections share); [`cluster`] (its way out); [`tls`], [`secrets`], [`resolver`],
//! [`access_log`] and [`stats`].

pub use carrick_policy::bootstrap;

pub mod accept;
mod access_log;
pub mod admin;
pub mod cluster;
pub mod drain;
pub mod env;
pub mod flow;
mod frames;
pub mod http;
pub mod listener;
pub mod registry;
pub mod resolver;
pub mod resources;
pub mod runtime;
pub mod secrets;
mod session;
mod socket;
pub mod stats;
mod store;
mod tcp;
mod threads;
mod tls;
