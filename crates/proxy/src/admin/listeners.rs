//! `/listeners`: where this proxy listens.

use std::fmt::Write;

use carrick_policy::address::Address;
use serde_json::{Value, json};

use crate::listener::{ListenerSet, ListenerSummary};

pub(super) fn text(listeners: &ListenerSet) -> String {
    let mut out = String::new();
    for listener in listeners.all() {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}::{}", listener.name, listener.address);
    }
    out
}

pub(super) fn json(listeners: &ListenerSet) -> Value {
    let status = |listener: ListenerSummary| json!({ "name": listener.name, "local_address": address(&Address::Socket(listener.address)) });
    let statuses: Vec<_> = listeners.all().into_iter().map(status).collect();
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
