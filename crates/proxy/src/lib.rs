//! Carrick's data plane: a proxy that takes Envoy's configuration and nothing else.
//!
//! It must not know Istio's resources or YAML of any kind but Envoy's bootstrap; it is one more xDS client.
//!
//! Modules import downward only, and a test keeps it so. From the top: [`runtime`] (everything is put together there, top to bottom);
//! [`session`], [`bootstrap`], [`store`] and [`registry`] (configuration in), [`admin`] (what is told about it); [`listener`] (a
//! connection arrives); [`tcp`] and [`http`] (what is done with it); [`env`] (what connections share); [`cluster`] (its way out);
//! [`tls`], [`secrets`], [`resolver`]; [`chain`], [`rbac`], [`config`], [`access_log`] (decisions); [`connection`] and other facts.

pub mod accept;
pub mod access_log;
pub mod address;
pub mod admin;
pub mod bootstrap;
pub mod chain;
pub mod cluster;
pub mod config;
pub mod connection;
pub mod drain;
pub mod env;
pub mod flow;
pub mod head;
pub mod http;
pub mod listener;
mod matcher;
mod rbac;
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
mod tls;
mod xxhash;
