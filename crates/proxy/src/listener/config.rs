//! Listeners: where they listen, their listener filters, and their filter chains.

mod chain;
mod predicate;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::listener::v3::listener_filter::ConfigType;
use carrick_xds::pb::envoy::config::listener::v3::{Listener, ListenerFilter as ListenerFilterPb};
use carrick_xds::pb::envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector;
use prost::Message;

pub use chain::{ChainConfig, NetworkFilter};
pub use predicate::PortPredicate;

use super::client_hello;
use crate::access_log::AccessLog;
use crate::chain::ChainTable;
use crate::config::address;
use crate::config::duration;
use crate::config::socket::SocketSettings;
use crate::config::supported::type_name;

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
    pub access_log: Vec<AccessLog>,
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
    pub(crate) fn from_proto(pb: &Listener) -> Result<Self, FieldError> {
        let address = address::socket(pb.address.as_ref()).map_err(|e| e.within("address"))?;
        let chains = pb.filter_chains.iter().enumerate().map(|(n, chain)| {
            chain::from_proto(chain).map_err(|error| error.within(format!("filter_chains[{n}]")))
        });
        let (matches, chains): (Vec<_>, Vec<_>) = chains.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        let table = ChainTable::new(&matches).map_err(|same| {
            let place = format!("filter_chains[{}].filter_chain_match", same.second);
            FieldError::new(place, format!("is the same as that of filter_chains[{}]", same.first))
        })?;
        let default_chain = pb.default_filter_chain.as_ref().map(chain::from_proto).transpose();
        let default_chain = default_chain.map_err(|error| error.within("default_filter_chain"))?;
        if chains.is_empty() && default_chain.is_none() {
            return Err(FieldError::new("filter_chains", "at least one is required"));
        }
        let timeout = pb.listener_filters_timeout.as_ref();
        let timeout = duration(timeout, "listener_filters_timeout", DEFAULT_FILTERS_TIMEOUT)?;
        let legacy = pb.deprecated_v1.as_ref().and_then(|legacy| legacy.bind_to_port);
        Ok(Self {
            name: if pb.name.is_empty() { address.to_string() } else { pb.name.clone() },
            address,
            ipv4_compat: address::ipv4_compat(pb.address.as_ref()),
            bind: pb.bind_to_port.or(legacy).unwrap_or(true),
            use_original_dst: pb.use_original_dst.unwrap_or(false),
            filters: filters(&pb.listener_filters, pb.use_original_dst.unwrap_or(false))?,
            filters_timeout: (!timeout.is_zero()).then_some(timeout),
            continue_on_timeout: pb.continue_on_listener_filters_timeout,
            table,
            chains: chains.into_iter().map(Arc::new).collect(),
            default_chain: default_chain.map(|(_, chain)| Arc::new(chain)),
            access_log: AccessLog::several(&pb.access_log)?,
            sockets: SocketSettings::for_listener(
                &pb.socket_options,
                pb.freebind.unwrap_or(false),
                pb.transparent.unwrap_or(false),
                pb.tcp_keepalive.as_ref(),
            )?,
            backlog: pb.tcp_backlog_size.unwrap_or(DEFAULT_BACKLOG),
        })
    }

    /// All chains, the default one last.
    pub fn all_chains(&self) -> impl Iterator<Item = &Arc<ChainConfig>> {
        self.chains.iter().chain(&self.default_chain)
    }
}

/// Filters run in this order, whichever way they are listed: an inspector needs the destination that is restored before it to know
/// whether it is disabled, and plain HTTP is looked for only where there is no TLS.
fn filters(pb: &[ListenerFilterPb], use_original_dst: bool) -> Result<Vec<ListenerFilter>, FieldError> {
    let mut filters = Vec::new();
    for (n, pb) in pb.iter().enumerate() {
        filters.push(filter(pb).map_err(|error| error.within(format!("listener_filters[{n}]")))?);
    }
    // Handing over by original destination implies looking it up (Envoy `listener_impl.cc`, buildOriginalDstListenerFilter).
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
    let disabled = pb.filter_disabled.as_ref().map(PortPredicate::from_proto).transpose();
    let disabled = disabled.map_err(|error| error.within("filter_disabled"))?;
    let Some(ConfigType::TypedConfig(any)) = &pb.config_type else {
        return Err(FieldError::new("typed_config", "is required"));
    };
    let name = type_name(any).strip_prefix("envoy.extensions.filters.listener.").unwrap_or_default();
    let kind = match name {
        "original_dst.v3.OriginalDst" => ListenerFilterKind::OriginalDst,
        "http_inspector.v3.HttpInspector" => ListenerFilterKind::HttpInspector,
        "tls_inspector.v3.TlsInspector" => {
            let config = TlsInspector::decode(any.value.as_slice())
                .map_err(|error| FieldError::new("typed_config", error.to_string()))?;
            let limit = config.max_client_hello_size.map_or(client_hello::DEFAULT_LIMIT, |n| n as usize);
            ListenerFilterKind::TlsInspector { limit: limit.min(client_hello::DEFAULT_LIMIT) }
        }
        _ => return Err(FieldError::new("typed_config", format!("{} is not implemented", type_name(any)))),
    };
    Ok(ListenerFilter { kind, disabled })
}

#[cfg(test)]
mod tests;
