//! Envoy's bootstrap file, YAML or JSON, as far as this proxy follows it.
//!
//! It opens no socket and must not know how resources are run.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use carrick_xds::json::from_yaml;
use carrick_xds::pb::envoy::config::bootstrap::v3::bootstrap::{DynamicResources, StatsEviction};
use carrick_xds::pb::envoy::config::bootstrap::v3::{Admin, Bootstrap as BootstrapPb, ClusterManager};
use carrick_xds::pb::envoy::config::core::v3::{BindConfig, ConfigSource, Node};
use carrick_xds::resource::any;
use carrick_xds::{FieldError, ResourceType};
use prost_types::Any;

use crate::config::cluster::dns_servers;
use crate::config::refuse::refuse;
use crate::config::socket::SocketSettings;
use crate::config::source::{Fetch, GrpcSource, Source};
use crate::config::{address, unknown};

/// A bootstrap that was read and whose own fields are implemented. Its resources are judged when
/// they are loaded.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    pub message: Arc<BootstrapPb>,
    pub node: Node,
    /// The stream for everything that is configured as `ads`.
    pub ads: Option<GrpcSource>,
    /// Listeners, and clusters, come from ADS.
    pub dynamic_listeners: bool,
    pub dynamic_clusters: bool,
    /// How long the first listeners wait for the first clusters
    /// (`cds_config.initial_fetch_timeout`); `None`: for ever.
    pub first_clusters: Option<Duration>,
    pub default_sockets: SocketSettings,
}

/// Why a bootstrap cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    #[error("cannot read {path}: {reason}")]
    File { path: String, reason: String },
    /// The text starts with `line:column: ` where these are known.
    #[error("{0}")]
    Syntax(String),
    #[error("{0}")]
    Field(#[from] FieldError),
    /// `file:line:column: …`, or `file: …`.
    #[error("{path}:{space}{reason}", space = if reason.starts_with(|first: char| first.is_ascii_digit()) { "" } else { " " })]
    Content { path: String, reason: String },
}

impl Bootstrap {
    pub fn from_file(path: &Path) -> Result<Self, BootstrapError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| BootstrapError::File { path: shown.clone(), reason: error.to_string() })?;
        Self::from_yaml(&text)
            .map_err(|error| BootstrapError::Content { path: shown, reason: error.to_string() })
    }

    /// JSON is YAML, too.
    pub fn from_yaml(text: &str) -> Result<Self, BootstrapError> {
        let message: BootstrapPb =
            from_yaml(text).map_err(|error| BootstrapError::Syntax(error.to_string()))?;
        Ok(Self::from_proto(message)?)
    }

    pub fn from_proto(message: BootstrapPb) -> Result<Self, FieldError> {
        let BootstrapPb {
            node,
            // Judged and loaded one by one.
            static_resources: _,
            dynamic_resources,
            cluster_manager,
            admin,
            typed_dns_resolver_config,
            // About statistics, threads, memory and watchdogs of Envoy, where this proxy has its
            // own.
            stats_config: _,
            stats_flush_interval: _,
            stats_flush: _,
            deferred_stat_options: _,
            enable_dispatcher_stats: _,
            watchdog: _,
            watchdogs: _,
            memory_allocator_manager: _,
            enable_worker_cpu_affinity: _,
            grpc_async_client_manager_config: _,
            application_log_config: _,
            // Nothing here can be switched by runtime keys, and there is one engine of regular
            // expressions.
            layered_runtime: _,
            default_regex_engine: _,
            // The names of headers are Envoy's own, and resources are asked for by name alone.
            header_prefix: _,
            node_context_params: _,
            hds_config,
            flags_path,
            stats_sinks,
            tracing,
            overload_manager,
            stats_server_version_override,
            use_tcp_for_dns_lookups,
            dns_resolution_config,
            bootstrap_extensions,
            fatal_actions,
            config_sources,
            default_config_source,
            default_socket_interface,
            certificate_provider_instances,
            inline_headers,
            perf_tracing_file_path,
            xds_delegate_extension,
            xds_config_tracker_extension,
            listener_manager,
            stats_eviction,
        } = &message;
        refuse!(
            hds_config,
            flags_path,
            stats_sinks,
            tracing,
            overload_manager,
            stats_server_version_override
        );
        refuse!(use_tcp_for_dns_lookups, dns_resolution_config, bootstrap_extensions, fatal_actions);
        refuse!(config_sources, default_config_source, default_socket_interface);
        refuse!(certificate_provider_instances, inline_headers, perf_tracing_file_path);
        refuse!(xds_delegate_extension, xds_config_tracker_extension, listener_manager);
        if let Some(StatsEviction::StatsEvictionInterval(_)) = stats_eviction {
            return Err(FieldError::new("stats_eviction_interval", "is not implemented"));
        }
        unknown::check(&any(&message))?;
        let admin = admin.as_ref().map(judge_admin).transpose();
        admin.map_err(|error| error.within("admin"))?;
        let default_servers = dns_servers(typed_dns_resolver_config.as_ref());
        if !default_servers.map_err(|e| e.within("typed_dns_resolver_config"))?.is_empty() {
            let reason = "resolvers for all clusters are not implemented; name them in each cluster";
            return Err(FieldError::new("typed_dns_resolver_config.typed_config.resolvers", reason));
        }
        let bind = cluster_manager.as_ref().map(bind_config).transpose();
        let bind = bind.map_err(|error| error.within("cluster_manager"))?.flatten();
        let default_sockets = SocketSettings::for_upstream(bind, None)
            .map_err(|error| error.within("upstream_bind_config").within("cluster_manager"))?;
        let dynamic = dynamic_resources.clone().unwrap_or_default();
        let ads = ads(&dynamic).map_err(|error| error.within("dynamic_resources"))?;
        let over_ads = |source: Option<&ConfigSource>, field: &str| match source {
            None => Ok(false),
            Some(source) => match Fetch::from_proto(Some(source)) {
                Ok(Fetch { source: Source::Ads, .. }) if ads.is_some() => Ok(true),
                Ok(Fetch { source: Source::Ads, .. }) => {
                    Err(FieldError::new("dynamic_resources.ads_config", "is required"))
                }
                Ok(_) => {
                    Err(FieldError::new(format!("dynamic_resources.{field}"), "only ads is implemented"))
                }
                Err(error) => Err(error.within(field).within("dynamic_resources")),
            },
        };
        Ok(Self {
            node: node.clone().unwrap_or_default(),
            dynamic_listeners: over_ads(dynamic.lds_config.as_ref(), "lds_config")?,
            dynamic_clusters: over_ads(dynamic.cds_config.as_ref(), "cds_config")?,
            first_clusters: timeout(dynamic.cds_config.as_ref())
                .map_err(|error| error.within("cds_config").within("dynamic_resources"))?,
            ads,
            default_sockets,
            message: Arc::new(message),
        })
    }

    /// The static resources in the order in which they can be loaded, with their names and their
    /// places in the file.
    pub fn static_resources(&self) -> Vec<(ResourceType, String, Any, String)> {
        let resources = self.message.static_resources.clone().unwrap_or_default();
        let place = |field: &str, n: usize| format!("static_resources.{field}[{n}]");
        let secrets =
            resources.secrets.iter().enumerate().map(|(n, secret)| {
                (ResourceType::Secret, secret.name.clone(), any(secret), place("secrets", n))
            });
        let clusters = resources.clusters.iter().enumerate().map(|(n, cluster)| {
            (ResourceType::Cluster, cluster.name.clone(), any(cluster), place("clusters", n))
        });
        let listeners = resources.listeners.iter().enumerate().map(|(n, listener)| {
            (ResourceType::Listener, listener.name.clone(), any(listener), place("listeners", n))
        });
        secrets.chain(clusters).chain(listeners).collect()
    }
}

fn ads(dynamic: &DynamicResources) -> Result<Option<GrpcSource>, FieldError> {
    let DynamicResources {
        // Where these come from is read by the caller.
        lds_config: _,
        cds_config: _,
        ads_config,
        lds_resources_locator,
        cds_resources_locator,
    } = dynamic;
    refuse!(lds_resources_locator, cds_resources_locator);
    let Some(pb) = ads_config else { return Ok(None) };
    let source = GrpcSource::from_proto(pb).map_err(|error| error.within("ads_config"))?;
    if !source.delta {
        return Err(FieldError::new(
            "ads_config.api_type",
            "GRPC is not implemented for ADS; use DELTA_GRPC",
        ));
    }
    Ok(Some(source))
}

fn judge_admin(pb: &Admin) -> Result<(), FieldError> {
    let Admin {
        address,
        // Operators' requests are not logged, nor profiles written.
        access_log: _,
        access_log_path: _,
        profile_path: _,
        // There is no limit for all listeners.
        ignore_global_conn_limit: _,
        socket_options,
        allow_paths,
    } = pb;
    refuse!(socket_options, allow_paths);
    let address = address.as_ref().map(|address| address::numeric(Some(address))).transpose();
    address.map(drop).map_err(|error| error.within("address"))
}

fn bind_config(pb: &ClusterManager) -> Result<Option<&BindConfig>, FieldError> {
    let ClusterManager {
        // Only zone-aware routing asks for it.
        local_cluster_name: _,
        // The path of a log of ejections.
        outlier_detection: _,
        upstream_bind_config,
        load_stats_config,
        // When clusters are made is not to be seen.
        enable_deferred_cluster_creation: _,
    } = pb;
    refuse!(load_stats_config);
    Ok(upstream_bind_config.as_ref())
}

fn timeout(source: Option<&ConfigSource>) -> Result<Option<Duration>, FieldError> {
    source.map_or(Ok(None), |source| Ok(Fetch::from_proto(Some(source))?.timeout))
}

#[cfg(test)]
mod tests;
