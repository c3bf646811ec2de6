//! What is written down about connections that never reached a filter.

use std::sync::Arc;
use std::time::Duration;

use carrick_policy::access_log::{LogEntry, ResponseFlag};
use carrick_policy::connection::ConnectionInfo;

use super::Listener;
use crate::env::ProxyEnv;

pub(super) enum Refused {
    /// No filter chain is for this connection.
    NoChain,
    /// A listener filter gave up.
    Early(String),
    /// The chain's TLS handshake failed.
    Handshake(String),
    /// The chain's access rules.
    Rbac(String),
}

/// Records the refusal; the caller closes by letting go.
pub(super) fn refuse(env: &ProxyEnv, listener: &Listener, info: &ConnectionInfo, refused: &Refused) {
    let (flags, details) = match refused {
        Refused::NoChain => {
            listener.stats.no_filter_chain_match.increment();
            (ResponseFlag::NoRouteFound.into(), "filter_chain_not_found".to_owned())
        }
        Refused::Early(reason) | Refused::Rbac(reason) => (Default::default(), reason.clone()),
        Refused::Handshake(reason) => (Default::default(), format!("TLS_error: {reason}")),
    };
    let duration = info.started.elapsed().unwrap_or_default();
    let entry = LogEntry {
        started: Some(info.started),
        // 0 is for what goes on.
        duration: duration.max(Duration::from_micros(1)),
        downstream: Some(Arc::new(info.clone())),
        flags,
        details: matches!(refused, Refused::NoChain).then(|| "filter_chain_not_found".into()),
        termination_details: Some(details.into()),
        refused: true,
        ..LogEntry::default()
    };
    listener.logs.write(&entry);
    env.flows.record(entry);
}
