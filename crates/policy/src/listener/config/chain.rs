//! One filter chain: what it asks for, its TLS, and what is done with its connections.

use std::sync::Arc;
use std::time::Duration;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::listener::v3::filter::ConfigType;
use carrick_xds::pb::envoy::config::listener::v3::filter_chain_match::ConnectionSourceType;
use carrick_xds::pb::envoy::config::listener::v3::{Filter, FilterChain, FilterChainMatch};
use carrick_xds::pb::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
use carrick_xds::pb::envoy::extensions::filters::network::rbac::v3::Rbac;
use carrick_xds::pb::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;
use prost::Message;
use prost_types::Any;
use sha2::{Digest, Sha256};

use crate::chain::{ChainMatch, SourceType};
use crate::config::address::Cidr;
use crate::config::refuse::refuse;
use crate::config::tls::{self, DownstreamTlsConfig};
use crate::config::typed::{decode_if, type_name};
use crate::config::{optional_duration, rule};
use crate::http::HttpManager;
use crate::rbac::NetworkRbac;
use crate::tcp_proxy::TcpProxyConfig;

/// A filter chain, converted, without what it asks for.
#[derive(Debug)]
pub struct ChainConfig {
    pub name: String,
    /// `/apis/…` path of the resource that made this chain.
    pub rule: Option<String>,
    pub tls: Option<DownstreamTlsConfig>,
    pub handshake_timeout: Duration,
    /// Of the whole message: chains with the same are the same chain.
    pub digest: [u8; 32],
    /// Judged in this order before the filter gets the connection.
    pub rbac: Vec<NetworkRbac>,
    pub filter: NetworkFilter,
}

#[derive(Debug)]
pub enum NetworkFilter {
    TcpProxy(Arc<TcpProxyConfig>),
    Http(Arc<HttpManager>),
    /// A chain without filters closes its connections.
    Close,
}

/// Envoy has no limit unless `transport_socket_connect_timeout` is set; a peer that does not finish
/// its handshake must not be able to hold a connection for ever.
const DEFAULT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn from_proto(pb: &FilterChain) -> Result<(ChainMatch, ChainConfig), FieldError> {
    let FilterChain {
        filter_chain_match,
        filters: filters_pb,
        use_proxy_proto,
        metadata,
        transport_socket,
        transport_socket_connect_timeout,
        name,
    } = pb;
    refuse!(use_proxy_proto);
    let absent = FilterChainMatch::default();
    let asked = chain_match(filter_chain_match.as_ref().unwrap_or(&absent))
        .map_err(|error| error.within("filter_chain_match"))?;
    let tls = tls::downstream(transport_socket.as_ref()).map_err(|e| e.within("transport_socket"))?;
    let timeout = transport_socket_connect_timeout.as_ref();
    let timeout = optional_duration(timeout, "transport_socket_connect_timeout")?;
    let (rbac, filter) = filters(filters_pb)?;
    let chain = ChainConfig {
        name: name.clone(),
        rule: rule(metadata.as_ref()),
        tls,
        digest: Sha256::digest(pb.encode_to_vec()).into(),
        handshake_timeout: timeout.filter(|t| !t.is_zero()).unwrap_or(DEFAULT_HANDSHAKE_TIMEOUT),
        rbac,
        filter,
    };
    Ok((asked, chain))
}

/// Any number of RBAC filters, then the one that the connection is for.
fn filters(all: &[Filter]) -> Result<(Vec<NetworkRbac>, NetworkFilter), FieldError> {
    let mut rbac = Vec::new();
    for (n, pb) in all.iter().enumerate() {
        match network_filter(pb).map_err(|error| error.within(format!("filters[{n}]")))? {
            Kind::Rbac(filter) => rbac.push(filter),
            Kind::Terminal(filter) if n + 1 == all.len() => return Ok((rbac, filter)),
            Kind::Terminal(_) => {
                let reason = format!("no filter can follow {}", pb.name);
                return Err(FieldError::new(format!("filters[{}]", n + 1), reason));
            }
        }
    }
    match rbac.is_empty() {
        true => Ok((rbac, NetworkFilter::Close)),
        false => {
            Err(FieldError::new("filters", "the last one must be tcp_proxy or the HTTP connection manager"))
        }
    }
}

enum Kind {
    Rbac(NetworkRbac),
    Terminal(NetworkFilter),
}

fn network_filter(pb: &Filter) -> Result<Kind, FieldError> {
    // The name only labels the filter; the type of its configuration decides.
    let Filter { name: _, config_type } = pb;
    match config_type {
        Some(ConfigType::TypedConfig(any)) => kind(any).map_err(|error| error.within("typed_config")),
        Some(ConfigType::ConfigDiscovery(_)) => {
            Err(FieldError::new("config_discovery", "is not implemented"))
        }
        None => Err(FieldError::new("typed_config", "is required")),
    }
}

fn kind(any: &Any) -> Result<Kind, FieldError> {
    if let Some(pb) = decode_if::<TcpProxy>(any)? {
        let config = TcpProxyConfig::from_proto(&pb)?;
        return Ok(Kind::Terminal(NetworkFilter::TcpProxy(Arc::new(config))));
    }
    if let Some(pb) = decode_if::<HttpConnectionManager>(any)? {
        let manager = HttpManager::from_proto(&pb)?;
        return Ok(Kind::Terminal(NetworkFilter::Http(Arc::new(manager))));
    }
    match decode_if::<Rbac>(any)? {
        Some(pb) => NetworkRbac::from_proto(&pb).map(Kind::Rbac),
        None => Err(FieldError::new("", format!("{} is not implemented", type_name(any)))),
    }
}

fn chain_match(pb: &FilterChainMatch) -> Result<ChainMatch, FieldError> {
    let port = |n: u32, field: String| {
        u16::try_from(n).map_err(|_| FieldError::new(field, format!("{n} is not a port (0 to 65535)")))
    };
    let ranges = |pb: &[_], field: &str| -> Result<Vec<Cidr>, FieldError> {
        let convert = |(n, pb)| Cidr::from_proto(pb).map_err(|e| e.within(format!("{field}[{n}]")));
        pb.iter().enumerate().map(convert).collect()
    };
    let FilterChainMatch {
        destination_port,
        prefix_ranges,
        address_suffix,
        suffix_len,
        direct_source_prefix_ranges,
        source_type: _,
        source_prefix_ranges,
        source_ports,
        server_names,
        transport_protocol,
        application_protocols,
    } = pb;
    refuse!(address_suffix, suffix_len);
    let source_ports = source_ports.iter().enumerate();
    let source_ports = source_ports.map(|(n, value)| port(*value, format!("source_ports[{n}]")));
    let names = server_names.iter().enumerate();
    let names = names.map(|(n, name)| server_name(name).map_err(|e| e.within(format!("server_names[{n}]"))));
    match transport_protocol.as_str() {
        "" | "tls" | "raw_buffer" => {}
        other => {
            let reason = format!("{other:?} is not a transport that is told apart; use tls or raw_buffer");
            return Err(FieldError::new("transport_protocol", reason));
        }
    }
    Ok(ChainMatch {
        destination_port: destination_port.map(|n| port(n, "destination_port".into())).transpose()?,
        destinations: ranges(prefix_ranges, "prefix_ranges")?,
        server_names: names.collect::<Result<_, _>>()?,
        transport_protocol: transport_protocol.clone(),
        application_protocols: application_protocols.clone(),
        direct_sources: ranges(direct_source_prefix_ranges, "direct_source_prefix_ranges")?,
        source_type: match pb.source_type() {
            ConnectionSourceType::Any => SourceType::Any,
            ConnectionSourceType::SameIpOrLoopback => SourceType::SameIpOrLoopback,
            ConnectionSourceType::External => SourceType::External,
        },
        sources: ranges(source_prefix_ranges, "source_prefix_ranges")?,
        source_ports: source_ports.collect::<Result<_, _>>()?,
    })
}

/// `*.suffix` becomes `.suffix`; any other star is refused, as by Envoy.
fn server_name(name: &str) -> Result<String, FieldError> {
    let lower = name.to_ascii_lowercase();
    let bare = lower.strip_prefix('*').unwrap_or(&lower);
    if bare.contains('*')
        || (bare.len() < lower.len() && !bare.starts_with('.'))
        || bare.is_empty()
        || bare == "."
    {
        let reason = format!("{name:?} is not a host name, nor a wildcard of the form *.example.com");
        return Err(FieldError::new("", reason));
    }
    Ok(bare.to_owned())
}
