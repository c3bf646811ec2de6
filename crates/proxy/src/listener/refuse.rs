//! What is written down about connections that never reached a filter.

use std::sync::Arc;

use carrick_policy::access_log::{LogEntry, ResponseFlag};
use carrick_policy::connection::ConnectionInfo;

use super::Listener;
use crate::env::ProxyEnv;
use crate::flow::FlowRecord;

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
    let mut record = FlowRecord::of_connection("refused", &env.node_id, info);
    record.response_flags = LogEntry { flags, ..LogEntry::default() }.flags.to_string();
    record.details.clone_from(&details);
    record.duration_micros = (duration.as_micros() as u64).max(1);
    env.flows.record(record);
    let entry = LogEntry {
        started: Some(info.started),
        duration,
        downstream: Some(Arc::new(info.clone())),
        flags,
        details: matches!(refused, Refused::NoChain).then(|| "filter_chain_not_found".into()),
        termination_details: Some(details.into()),
        ..LogEntry::default()
    };
    listener.logs.write(&entry);
}
