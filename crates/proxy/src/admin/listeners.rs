//! `/listeners`: where this proxy listens.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::cluster::Address;
use crate::env::ProxyEnv;

pub(super) fn text(env: &ProxyEnv) -> String {
    let mut out = String::new();
    for listener in env.listeners.all() {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}::{}", listener.name, listener.address);
    }
    out
}

pub(super) fn json(env: &ProxyEnv) -> Value {
    let status = |listener: crate::listener::ListenerSummary| json!({ "name": listener.name, "local_address": address(&Address::Socket(listener.address)) });
    let statuses: Vec<_> = env.listeners.all().into_iter().map(status).collect();
    json!({ "listener_statuses": statuses })
}

/// An address in the JSON form of Envoy's `core.v3.Address`.
pub(super) fn address(address: &Address) -> Value {
    match address {
        Address::Socket(address) => {
            json!({ "socket_address": { "address": address.ip(), "port_value": address.port() } })
        }
        Address::Pipe(path) => json!({ "pipe": { "path": path } }),
    }
}
