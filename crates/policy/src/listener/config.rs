//! Listeners: where they listen, their listener filters, and their filter chains.

mod chain;
mod predicate;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::listener::v3::listener::{DeprecatedV1, ListenerSpecifier};
use carrick_xds::pb::envoy::config::listener::v3::listener_filter::ConfigType;
use carrick_xds::pb::envoy::config::listener::v3::{Listener, ListenerFilter as ListenerFilterPb};
use carrick_xds::pb::envoy::extensions::filters::listener::http_inspector::v3::HttpInspector;
use carrick_xds::pb::envoy::extensions::filters::listener::original_dst::v3::OriginalDst;
use carrick_xds::pb::envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector;
use prost_types::Any;

pub use chain::{ChainConfig, NetworkFilter};
pub use predicate::PortPredicate;

use super::client_hello;
use crate::access_log::AccessLog;
use crate::chain::{ChainFacts, ChainTable};
use crate::config::address;
use crate::config::duration;
use crate::config::refuse::refuse;
use crate::config::socket::SocketSettings;
use crate::config::typed::{decode_if, type_name};

/// A listener resource, converted.
#[derive(Debug)]
pub struct ListenerConfig {
    pub name: String,
    pub address: SocketAddr,
    /// An IPv6 socket that takes IPv4 too.
    pub ipv4_compat: bool,
    /// False: it has no socket of its own and serves what others hand over by original destination.
    pub bind: bool,
    /// Connections are handed over to the listener for their original destination, if there is one.
    pub use_original_dst: bool,
    pub filters: Vec<ListenerFilter>,
    /// How long the listener filters may wait for bytes; `None`: for ever.
    pub filters_timeout: Option<Duration>,
    /// When the time is over: go on with what is known, instead of closing.
    pub continue_on_timeout: bool,
    pub table: ChainTable,
    pub chains: Vec<Arc<ChainConfig>>,
    pub default_chain: Option<Arc<ChainConfig>>,
    pub access_log: Vec<Arc<AccessLog>>,
    pub sockets: SocketSettings,
    pub backlog: u32,
}

/// What looks at a connection before its chain is chosen.
#[derive(Debug, Clone)]
pub struct ListenerFilter {
    pub kind: ListenerFilterKind,
    /// Destination ports for which it is not run.
    pub disabled: Option<PortPredicate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenerFilterKind {
    OriginalDst,
    TlsInspector { limit: usize },
    HttpInspector,
}

const DEFAULT_FILTERS_TIMEOUT: Duration = Duration::from_secs(15);
/// Linux's default of `net.core.somaxconn`, which Envoy uses.
const DEFAULT_BACKLOG: u32 = 4096;

impl ListenerConfig {
    pub fn from_proto(pb: &Listener) -> Result<Self, FieldError> {
        let Listener {
            name,
            address: address_pb,
            additional_addresses,
            // Names of statistics.
            stat_prefix: _,
            stats_matcher,
            filter_chains,
            fcds_config,
            filter_chain_matcher,
            use_original_dst,
            default_filter_chain,
            // Buffers are bounded by what is read at once.
            per_connection_buffer_limit_bytes: _,
            per_connection_buffer_high_watermark_timeout,
            // Told to extensions, which look at nothing of it.
            metadata: _,
            traffic_direction: _,
            deprecated_v1,
            // Listeners drain when they are changed or removed, whichever is chosen.
            drain_type: _,
            listener_filters,
            listener_filters_timeout,
            continue_on_listener_filters_timeout,
            transparent,
            freebind,
            socket_options,
            // Hints to the kernel, and to the threads of Envoy.
            tcp_fast_open_queue_length: _,
            connection_balance_config: _,
            reuse_port: _,
            enable_reuse_port: _,
            max_connections_to_accept_per_socket_event: _,
            // There is no overload manager, nor a limit for all listeners.
            ignore_global_conn_limit: _,
            bypass_overload_manager: _,
            access_log,
            udp_listener_config,
            api_listener,
            tcp_backlog_size,
            bind_to_port,
            enable_mptcp,
            tcp_keepalive,
            listener_specifier,
        } = pb;
        refuse!(additional_addresses, stats_matcher, fcds_config, filter_chain_matcher);
        refuse!(
            per_connection_buffer_high_watermark_timeout,
            udp_listener_config,
            api_listener,
            enable_mptcp
        );
        if let Some(ListenerSpecifier::InternalListener(_)) = listener_specifier {
            return Err(FieldError::new("internal_listener", "is not implemented"));
        }
        let address = address::socket(address_pb.as_ref()).map_err(|e| e.within("address"))?;
        let chains = filter_chains.iter().enumerate().map(|(n, chain)| {
            chain::from_proto(chain).map_err(|error| error.within(format!("filter_chains[{n}]")))
        });
        let (matches, chains): (Vec<_>, Vec<_>) = chains.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        let table = ChainTable::new(&matches).map_err(|same| {
            let place = format!("filter_chains[{}].filter_chain_match", same.second);
            FieldError::new(place, format!("is the same as that of filter_chains[{}]", same.first))
        })?;
        let default_chain = default_filter_chain.as_ref().map(chain::from_proto).transpose();
        let default_chain = default_chain.map_err(|error| error.within("default_filter_chain"))?;
        if chains.is_empty() && default_chain.is_none() {
            return Err(FieldError::new("filter_chains", "at least one is required"));
        }
        let timeout = listener_filters_timeout.as_ref();
        let timeout = duration(timeout, "listener_filters_timeout", DEFAULT_FILTERS_TIMEOUT)?;
        let legacy = deprecated_v1.as_ref().and_then(|DeprecatedV1 { bind_to_port }| *bind_to_port);
        Ok(Self {
            name: if name.is_empty() { address.to_string() } else { name.clone() },
            address,
            ipv4_compat: address::ipv4_compat(address_pb.as_ref()),
            bind: bind_to_port.or(legacy).unwrap_or(true),
            use_original_dst: use_original_dst.unwrap_or(false),
            filters: filters(listener_filters, use_original_dst.unwrap_or(false))?,
            filters_timeout: (!timeout.is_zero()).then_some(timeout),
            continue_on_timeout: *continue_on_listener_filters_timeout,
            table,
            chains: chains.into_iter().map(Arc::new).collect(),
            default_chain: default_chain.map(|(_, chain)| Arc::new(chain)),
            access_log: AccessLog::several(access_log)?,
            sockets: SocketSettings::for_listener(
                socket_options,
                freebind.unwrap_or(false),
                transparent.unwrap_or(false),
                tcp_keepalive.as_ref(),
            )?,
            backlog: tcp_backlog_size.unwrap_or(DEFAULT_BACKLOG),
        })
    }

    /// The chain that a connection gets, by its place among [`all_chains`](Self::all_chains): the
    /// default one where no other is for it.
    pub fn choose(&self, facts: &ChainFacts<'_>) -> Option<usize> {
        self.table.find(facts).or_else(|| self.default_chain.as_ref().map(|_| self.chains.len()))
    }

    /// All chains, the default one last.
    pub fn all_chains(&self) -> impl Iterator<Item = &Arc<ChainConfig>> {
        self.chains.iter().chain(&self.default_chain)
    }
}

/// Filters run in this order, whichever way they are listed: an inspector needs the destination
/// that is restored before it to know whether it is disabled, and plain HTTP is looked for only
/// where there is no TLS.
fn filters(pb: &[ListenerFilterPb], use_original_dst: bool) -> Result<Vec<ListenerFilter>, FieldError> {
    let mut filters = Vec::new();
    for (n, pb) in pb.iter().enumerate() {
        filters.push(filter(pb).map_err(|error| error.within(format!("listener_filters[{n}]")))?);
    }
    // Handing over by original destination implies looking it up (Envoy `listener_impl.cc`,
    // buildOriginalDstListenerFilter).
    if use_original_dst
        && !filters.iter().any(|filter| matches!(filter.kind, ListenerFilterKind::OriginalDst))
    {
        filters.push(ListenerFilter { kind: ListenerFilterKind::OriginalDst, disabled: None });
    }
    filters.sort_by_key(|filter| match filter.kind {
        ListenerFilterKind::OriginalDst => 0,
        ListenerFilterKind::TlsInspector { .. } => 1,
        ListenerFilterKind::HttpInspector => 2,
    });
    Ok(filters)
}

fn filter(pb: &ListenerFilterPb) -> Result<ListenerFilter, FieldError> {
    // The name only labels the filter; the type of its configuration decides.
    let ListenerFilterPb { name: _, filter_disabled, config_type } = pb;
    let disabled = filter_disabled.as_ref().map(PortPredicate::from_proto).transpose();
    let disabled = disabled.map_err(|error| error.within("filter_disabled"))?;
    let any = match config_type {
        Some(ConfigType::TypedConfig(any)) => any,
        Some(ConfigType::ConfigDiscovery(_)) => {
            return Err(FieldError::new("config_discovery", "is not implemented"));
        }
        None => return Err(FieldError::new("typed_config", "is required")),
    };
    let kind = kind(any).map_err(|error| error.within("typed_config"))?;
    Ok(ListenerFilter { kind, disabled })
}

fn kind(any: &Any) -> Result<ListenerFilterKind, FieldError> {
    if let Some(OriginalDst {}) = decode_if(any)? {
        return Ok(ListenerFilterKind::OriginalDst);
    }
    if let Some(HttpInspector {}) = decode_if(any)? {
        return Ok(ListenerFilterKind::HttpInspector);
    }
    let Some(pb) = decode_if(any)? else {
        return Err(FieldError::new("", format!("{} is not implemented", type_name(any))));
    };
    let TlsInspector {
        enable_ja3_fingerprinting,
        enable_ja4_fingerprinting,
        // A buffer grows as it has to.
        initial_read_buffer_size: _,
        max_client_hello_size,
        // A hello that cannot be read is never taken for TLS.
        close_connection_on_client_hello_parsing_errors: _,
    } = &pb;
    refuse!(enable_ja3_fingerprinting, enable_ja4_fingerprinting);
    let limit = max_client_hello_size.map_or(client_hello::DEFAULT_LIMIT, |n| n as usize);
    Ok(ListenerFilterKind::TlsInspector { limit: limit.min(client_hello::DEFAULT_LIMIT) })
}

#[cfg(test)]
mod tests;
