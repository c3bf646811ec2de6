//! One cluster's control plane: configuration sources -> snapshot -> ADS, the cluster CA, and DNS;
//! the root CA; and the agent that stands beside each proxy.
//!
//! The only crate that will know Kubernetes. It must not know how a local machine is laid out, nor
//! read arguments or environment.
//!
//! Reading order: [`pipeline`] shows the way from files to resources top to bottom; [`cluster`]
//! puts a control plane together.

use carrick_files as files;

pub mod pipeline;
pub mod reading;
pub mod source;

pub mod cluster;

mod ads;
mod callers;
mod peer;
mod pod_sockets;
mod proxies;
mod stream;
pub mod translations;

pub mod ca;
pub mod root_ca;

pub mod agent;

mod admin;
pub mod findings;
pub mod name_server;
mod names;

mod channel;
mod socket;
