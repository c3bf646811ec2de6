//! What Carrick's data plane decides: Envoy's configuration, typed, and what it says about a
//! connection or a request.
//!
//! Pure: messages and facts go in, decisions come out, and `carrick-proxy` does what was decided.
//! It must not know sockets, an async runtime, or Istio's resources.
//!
//! Modules import downward only, and a test keeps it so. From the top: [`listener`] (which listener
//! and chain a connection gets); [`tcp_proxy`] and [`http`] (what becomes of a connection, or of a
//! request); [`rbac`] and [`chain`]; [`tls`] and [`balance`] (whom to believe, and which host);
//! [`access_log`]; [`bootstrap`], [`secret`] and [`config`] (from messages to types); [`matcher`];
//! then facts: [`connection`], [`head`], [`address`].

pub mod access_log;
pub mod address;
pub mod balance;
pub mod bootstrap;
pub mod chain;
pub mod config;
pub mod connection;
pub mod head;
pub mod http;
pub mod listener;
pub mod matcher;
pub mod rbac;
pub mod secret;
pub mod tcp_proxy;
pub mod tls;
pub mod xxhash;
