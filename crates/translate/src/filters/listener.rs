//! Listener filters: what is read from a connection before its filter chain is chosen. They must
//! not know the chains.

use std::collections::BTreeSet;

use prost::Name;

use crate::envoy::any;
use crate::envoy::listener::listener_filter::ConfigType;
use crate::envoy::listener::listener_filter_chain_match_predicate::{MatchSet, Rule};
use crate::envoy::listener::{ListenerFilter, ListenerFilterChainMatchPredicate};
use carrick_xds::pb::envoy::extensions::filters::listener::{
    http_inspector::v3::HttpInspector, original_dst::v3::OriginalDst, tls_inspector::v3::TlsInspector,
};
use carrick_xds::pb::envoy::r#type::v3::Int32Range;

/// Restores the address that the client dialled before the capture rules sent it here.
pub(crate) fn original_dst() -> ListenerFilter {
    listener_filter("envoy.filters.listener.original_dst", &OriginalDst::default())
}

/// Tells TLS from plain text, and reads SNI and ALPN.
pub(crate) fn tls_inspector() -> ListenerFilter {
    listener_filter("envoy.filters.listener.tls_inspector", &TlsInspector::default())
}

/// Tells HTTP/1 and HTTP/2 prior knowledge from other plain text.
pub(crate) fn http_inspector() -> ListenerFilter {
    listener_filter("envoy.filters.listener.http_inspector", &HttpInspector::default())
}

/// The same filter, but not for connections to `ports`: where the server speaks first, waiting for
/// the client's first bytes would wait for ever.
pub(crate) fn except_for_ports(mut filter: ListenerFilter, ports: &BTreeSet<u16>) -> ListenerFilter {
    let mut rules: Vec<_> = ports.iter().map(|port| destination_port(*port)).collect();
    filter.filter_disabled = match rules.len() {
        0 => None,
        1 => rules.pop(),
        _ => Some(ListenerFilterChainMatchPredicate { rule: Some(Rule::OrMatch(MatchSet { rules })) }),
    };
    filter
}

fn destination_port(port: u16) -> ListenerFilterChainMatchPredicate {
    let range = Int32Range { start: port.into(), end: i32::from(port) + 1 };
    ListenerFilterChainMatchPredicate { rule: Some(Rule::DestinationPortRange(range)) }
}

fn listener_filter(name: &str, config: &impl Name) -> ListenerFilter {
    ListenerFilter {
        name: name.into(),
        config_type: Some(ConfigType::TypedConfig(any(config))),
        filter_disabled: None,
    }
}
