//! Carrick's data plane: a proxy that takes Envoy's configuration and nothing else.
//!
//! It must not know Istio's resources or YAML of any kind but Envoy's bootstrap; it is one more xDS client.
//!
//! Reading order: [`runtime`] (everything is put together there, top to bottom); [`bootstrap`], [`config`], [`store`] and [`session`]
//! (configuration in); [`listener`], [`chain`], [`tls`] (a connection arrives); [`rbac`], [`tcp`] and [`http`] (what is done with it);
//! [`cluster`] (its way out); [`access_log`], [`flow`], [`stats`], [`admin`] (what is told about it).

pub mod accept;
pub mod access_log;
pub mod admin;
pub mod bootstrap;
pub mod chain;
pub mod cluster;
pub mod config;
pub mod connection;
pub mod drain;
pub mod env;
pub mod flow;
pub mod http;
pub mod listener;
mod rbac;
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
