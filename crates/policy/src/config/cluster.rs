//! Clusters: discovery, load balancing, timeouts, limits, TLS, and HTTP version upstream.

mod http;
mod limits;
mod outlier;
mod policy;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::cluster::v3::cluster::{
    ClusterDiscoveryType, DiscoveryType, DnsLookupFamily, EdsClusterConfig, RefreshRate, TransportSocketMatch,
};
use carrick_xds::pb::envoy::config::cluster::v3::{Cluster, UpstreamConnectionOptions};
use carrick_xds::pb::envoy::config::core::v3::{TcpKeepalive, TransportSocket, TypedExtensionConfig};
use carrick_xds::pb::envoy::extensions::network::dns_resolver::cares::v3::CaresDnsResolverConfig;

pub use http::{UpstreamHttp, UpstreamHttpOptions};
pub use limits::{Limits, RetryLimit};
pub use outlier::{OutlierConfig, Row};
pub use policy::Policy;
#[cfg(test)]
pub use policy::is_prime;

use super::address::{self, Host};
use super::endpoint::{Assignment, strings};
use super::refuse::refuse;
use super::socket::SocketSettings;
use super::source::Fetch;
use super::tls::{self, UpstreamTlsConfig};
use super::typed::{decode_if, type_name};
use super::{duration, optional_duration, rule};

/// A cluster resource, converted.
#[derive(Debug, Clone)]
pub struct ClusterConfig {
    pub name: String,
    /// `/apis/…` path of the resource that made this cluster.
    pub rule: Option<String>,
    pub discovery: Discovery,
    pub policy: Policy,
    /// Localities share traffic by their own weights.
    pub by_locality: bool,
    /// Below this percentage of healthy hosts, all are used.
    pub panic_percent: f64,
    pub connect_timeout: Duration,
    pub http: UpstreamHttpOptions,
    pub sockets: SocketSettings,
    pub limits: Limits,
    pub outliers: Option<OutlierConfig>,
    /// The first is for hosts that no other matches.
    pub transports: Vec<TransportConfig>,
}

/// Where a cluster's hosts come from.
#[derive(Debug, Clone)]
pub enum Discovery {
    Static(Assignment),
    Eds { service: String, fetch: Fetch },
    Dns { assignment: Assignment, options: DnsOptions },
    OriginalDestination,
}

/// How names are resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsOptions {
    pub family: DnsFamily,
    pub refresh: Duration,
    pub failure_refresh: Duration,
    /// Refresh when the records' TTL ends, instead.
    pub respect_ttl: bool,
    /// One connection goes to the first address, and established ones stay when it changes
    /// (LOGICAL_DNS).
    pub logical: bool,
    /// Instead of the machine's own.
    pub servers: Vec<SocketAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DnsFamily {
    V4Only,
    V6Only,
    /// IPv6, and IPv4 only where there is none.
    PreferV6,
    PreferV4,
    All,
}

/// Plain text or TLS, for the hosts whose metadata have these labels.
#[derive(Debug, Clone)]
pub struct TransportConfig {
    pub labels: BTreeMap<String, String>,
    pub tls: Option<UpstreamTlsConfig>,
}

const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const DEFAULT_DNS_REFRESH: Duration = Duration::from_secs(5);

impl ClusterConfig {
    /// `default_sockets` are the bootstrap's, for a cluster without a bind configuration of its
    /// own.
    pub fn from_proto(pb: &Cluster, default_sockets: &SocketSettings) -> Result<Self, FieldError> {
        let Cluster {
            name,
            metadata,
            connect_timeout,
            circuit_breakers,
            outlier_detection,
            upstream_bind_config,
            upstream_connection_options,
            transport_socket,
            transport_socket_matches,
            // Where hosts come from: `discovery`.
            cluster_discovery_type: _,
            eds_cluster_config: _,
            load_assignment: _,
            dns_refresh_rate: _,
            dns_failure_refresh_rate: _,
            respect_dns_ttl: _,
            dns_lookup_family: _,
            typed_dns_resolver_config: _,
            // How requests are sent: `UpstreamHttpOptions`.
            max_requests_per_connection: _,
            upstream_http_protocol_options: _,
            common_http_protocol_options: _,
            http_protocol_options: _,
            http2_protocol_options: _,
            typed_extension_protocol_options: _,
            // Which host gets the next one: `policy`.
            lb_policy: _,
            lb_config: _,
            load_balancing_policy: _,
            common_lb_config: _,
            // Names of statistics, and those that are not kept.
            alt_stat_name: _,
            track_timeout_budgets: _,
            track_cluster_stats: _,
            // Buffers are bounded by what is read at once.
            per_connection_buffer_limit_bytes: _,
            // Hints on when things are done: names are not asked for all at once, all clusters
            // warm, and what nobody uses goes.
            dns_jitter: _,
            wait_for_warm_on_init: _,
            cleanup_interval: _,
            // About active health checks, which are refused.
            close_connections_on_host_health_failure: _,
            ignore_health_on_host_removal: _,
            transport_socket_matcher,
            stats_matcher,
            per_connection_buffer_high_watermark_timeout,
            health_checks,
            dns_resolvers,
            use_tcp_for_dns_lookups,
            dns_resolution_config,
            lb_subset_config,
            protocol_selection,
            filters,
            lrs_server,
            lrs_report_endpoint_metrics,
            upstream_config,
            preconnect_policy,
            connection_pool_per_downstream_connection,
            queuing_policies,
        } = pb;
        refuse!(transport_socket_matcher, stats_matcher, per_connection_buffer_high_watermark_timeout);
        refuse!(
            health_checks,
            dns_resolvers,
            use_tcp_for_dns_lookups,
            dns_resolution_config,
            lb_subset_config
        );
        refuse!(protocol_selection, filters, lrs_server, lrs_report_endpoint_metrics, upstream_config);
        refuse!(preconnect_policy, connection_pool_per_downstream_connection, queuing_policies);
        if name.is_empty() {
            return Err(FieldError::new("name", "must not be empty"));
        }
        let discovery = discovery(pb)?;
        let http = UpstreamHttpOptions::from_proto(pb)?;
        let keepalive = upstream_connection_options.as_ref().and_then(keepalive);
        let sockets = SocketSettings::for_upstream(upstream_bind_config.as_ref(), keepalive)
            .map_err(|e| e.within("upstream_bind_config"))?;
        let choice = policy::from_proto(pb, matches!(discovery, Discovery::OriginalDestination))?;
        let timeout = duration(connect_timeout.as_ref(), "connect_timeout", DEFAULT_CONNECT_TIMEOUT)?;
        if timeout.is_zero() {
            return Err(FieldError::new("connect_timeout", "must be above 0"));
        }
        let outliers = outlier_detection.as_ref().map(outlier::from_proto).transpose();
        Ok(Self {
            name: name.clone(),
            rule: rule(metadata.as_ref()),
            transports: transports(transport_socket.as_ref(), transport_socket_matches, &http)?,
            discovery,
            policy: choice.policy,
            by_locality: choice.by_locality,
            panic_percent: choice.panic_percent,
            connect_timeout: timeout,
            http,
            sockets: sockets.or(default_sockets),
            outliers: outliers.map_err(|e| e.within("outlier_detection"))?,
            limits: limits::from_proto(circuit_breakers.as_ref())
                .map_err(|e| e.within("circuit_breakers"))?,
        })
    }
}

fn keepalive(pb: &UpstreamConnectionOptions) -> Option<&TcpKeepalive> {
    let UpstreamConnectionOptions {
        tcp_keepalive,
        // The name of the interface is for filters upstream, of which there are none.
        set_local_interface_name_on_upstream_connections: _,
        // Addresses of a host are tried in the order that the resolver gives them in.
        happy_eyeballs_config: _,
    } = pb;
    tcp_keepalive.as_ref()
}

fn discovery(pb: &Cluster) -> Result<Discovery, FieldError> {
    let kind = match pb.cluster_discovery_type {
        None => DiscoveryType::Static,
        Some(ClusterDiscoveryType::Type(n)) => {
            DiscoveryType::try_from(n).map_err(|_| FieldError::new("type", format!("{n} is not known")))?
        }
        Some(ClusterDiscoveryType::ClusterType(_)) => {
            return Err(FieldError::new("cluster_type", "is not implemented"));
        }
    };
    let assignment = |names_allowed| {
        let absent = Default::default();
        let pb = pb.load_assignment.as_ref().unwrap_or(&absent);
        Assignment::from_proto(pb, names_allowed).map_err(|e| e.within("load_assignment"))
    };
    if pb.load_assignment.is_some() && matches!(kind, DiscoveryType::Eds | DiscoveryType::OriginalDst) {
        return Err(FieldError::new(
            "load_assignment",
            format!("cannot be used with {}", kind.as_str_name()),
        ));
    }
    match kind {
        DiscoveryType::Static => Ok(Discovery::Static(assignment(false)?)),
        DiscoveryType::OriginalDst => Ok(Discovery::OriginalDestination),
        DiscoveryType::Eds => {
            let EdsClusterConfig { eds_config, service_name } =
                pb.eds_cluster_config.clone().unwrap_or_default();
            let fetch = Fetch::from_proto(eds_config.as_ref())
                .map_err(|e| e.within("eds_config").within("eds_cluster_config"))?;
            if fetch.source != super::source::Source::Ads {
                return Err(FieldError::new("eds_cluster_config.eds_config", "only ads is implemented"));
            }
            let service = if service_name.is_empty() { pb.name.clone() } else { service_name };
            Ok(Discovery::Eds { service, fetch })
        }
        DiscoveryType::StrictDns | DiscoveryType::LogicalDns => {
            let logical = kind == DiscoveryType::LogicalDns;
            let assignment = assignment(true)?;
            if logical && assignment.hosts().count() != 1 {
                return Err(FieldError::new("load_assignment", "LOGICAL_DNS takes exactly one host"));
            }
            Ok(Discovery::Dns { assignment, options: dns_options(pb, logical)? })
        }
    }
}

fn dns_options(pb: &Cluster, logical: bool) -> Result<DnsOptions, FieldError> {
    let refresh = duration(pb.dns_refresh_rate.as_ref(), "dns_refresh_rate", DEFAULT_DNS_REFRESH)?;
    let failure = pb.dns_failure_refresh_rate.as_ref();
    // Failures are not followed by longer and longer pauses.
    let failure_refresh =
        failure.and_then(|RefreshRate { base_interval, max_interval: _ }| base_interval.as_ref());
    let failure_refresh = optional_duration(failure_refresh, "dns_failure_refresh_rate.base_interval")?;
    if refresh < Duration::from_millis(1) {
        return Err(FieldError::new("dns_refresh_rate", "must be at least 1 ms"));
    }
    Ok(DnsOptions {
        family: match pb.dns_lookup_family() {
            DnsLookupFamily::Auto => DnsFamily::PreferV6,
            DnsLookupFamily::V4Only => DnsFamily::V4Only,
            DnsLookupFamily::V6Only => DnsFamily::V6Only,
            DnsLookupFamily::V4Preferred => DnsFamily::PreferV4,
            DnsLookupFamily::All => DnsFamily::All,
        },
        refresh,
        failure_refresh: failure_refresh.unwrap_or(refresh).max(Duration::from_millis(1)),
        respect_ttl: pb.respect_dns_ttl,
        logical,
        servers: dns_servers(pb.typed_dns_resolver_config.as_ref())
            .map_err(|e| e.within("typed_dns_resolver_config"))?,
    })
}

/// The resolvers that are named, instead of the machine's own.
pub fn dns_servers(pb: Option<&TypedExtensionConfig>) -> Result<Vec<SocketAddr>, FieldError> {
    // The name only labels the resolver; the type of its configuration decides.
    let Some(TypedExtensionConfig { name: _, typed_config: Some(any) }) = pb else { return Ok(Vec::new()) };
    match decode_if(any).and_then(|pb| pb.as_ref().map(cares).transpose()) {
        Ok(Some(servers)) => Ok(servers),
        Ok(None) => Err(FieldError::new("typed_config", format!("{} is not implemented", type_name(any)))),
        Err(error) => Err(error.within("typed_config")),
    }
}

fn cares(pb: &CaresDnsResolverConfig) -> Result<Vec<SocketAddr>, FieldError> {
    let CaresDnsResolverConfig {
        resolvers,
        // How c-ares asks; questions here have a time limit and are asked again in a way of their
        // own.
        dns_resolver_options: _,
        udp_max_queries: _,
        query_timeout_seconds: _,
        query_tries: _,
        rotate_nameservers: _,
        use_resolvers_as_fallback,
        filter_unroutable_families,
        edns0_max_payload_size,
        max_udp_channel_duration,
        reinit_channel_on_timeout,
        qcache_max_ttl,
    } = pb;
    refuse!(use_resolvers_as_fallback, filter_unroutable_families, edns0_max_payload_size);
    refuse!(max_udp_channel_duration, reinit_channel_on_timeout, qcache_max_ttl);
    let convert = |(n, pb)| {
        let server = address::socket(Some(pb)).map_err(|e| e.within(format!("resolvers[{n}]")))?;
        Ok(if server.port() == 0 { SocketAddr::new(server.ip(), 53) } else { server })
    };
    resolvers.iter().enumerate().map(convert).collect()
}

fn transports(
    own: Option<&TransportSocket>,
    matches: &[TransportSocketMatch],
    http: &UpstreamHttpOptions,
) -> Result<Vec<TransportConfig>, FieldError> {
    let automatic = |tls: Option<UpstreamTlsConfig>| {
        tls.map(|tls| UpstreamTlsConfig {
            auto_sni: tls.auto_sni || http.auto_sni,
            auto_san_validation: tls.auto_san_validation || http.auto_san_validation,
            ..tls
        })
    };
    let default = tls::upstream(own).map_err(|e| e.within("transport_socket"))?;
    let mut transports = vec![TransportConfig { labels: BTreeMap::new(), tls: automatic(default) }];
    for (n, matched) in matches.iter().enumerate() {
        let TransportSocketMatch { name: _, r#match, transport_socket } = matched;
        let tls = tls::upstream(transport_socket.as_ref())
            .map_err(|e| e.within("transport_socket").within(format!("transport_socket_matches[{n}]")))?;
        let labels = r#match.as_ref().map(strings).unwrap_or_default();
        if labels.len() != r#match.as_ref().map_or(0, |m| m.fields.len()) {
            let place = format!("transport_socket_matches[{n}].match");
            return Err(FieldError::new(place, "only string values are implemented"));
        }
        transports.push(TransportConfig { labels, tls: automatic(tls) });
    }
    Ok(transports)
}

impl ClusterConfig {
    /// Which transport a host with these labels gets: the first whose labels it all has, else the
    /// cluster's own.
    pub fn transport_for(&self, labels: &BTreeMap<String, String>) -> usize {
        let matching = self.transports.iter().enumerate().skip(1).find(|(_, transport)| {
            transport.labels.iter().all(|(name, value)| labels.get(name) == Some(value))
        });
        matching.map_or(0, |(index, _)| index)
    }

    /// The names that this cluster resolves, if it is a DNS cluster.
    pub fn host_names(&self) -> Vec<String> {
        match &self.discovery {
            Discovery::Dns { assignment, .. } => assignment
                .hosts()
                .filter_map(|host| match &host.host {
                    Host::Name { name, .. } => Some(name.clone()),
                    Host::Address(_) => None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}
