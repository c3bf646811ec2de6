//! Envoy's bootstrap file, YAML or JSON, as far as this proxy follows it.
//!
//! It opens no socket and must not know how resources are run.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use carrick_xds::json::from_yaml;
use carrick_xds::pb::envoy::config::bootstrap::v3::Bootstrap as BootstrapPb;
use carrick_xds::pb::envoy::config::bootstrap::v3::bootstrap::DynamicResources;
use carrick_xds::pb::envoy::config::cluster::v3::Cluster as ClusterPb;
use carrick_xds::pb::envoy::config::core::v3::{ConfigSource, Node};
use carrick_xds::pb::envoy::config::listener::v3::Listener as ListenerPb;
use carrick_xds::pb::envoy::extensions::transport_sockets::tls::v3::Secret as SecretPb;
use carrick_xds::resource::any;
use carrick_xds::{FieldError, ResourceType};
use prost::Message;
use prost_types::Any;

use crate::config::cluster::ClusterConfig;
use crate::config::socket::SocketSettings;
use crate::config::source::{Fetch, GrpcSource, Source};
use crate::config::supported;
use crate::listener::config::ListenerConfig;
use crate::secrets::Secret;

/// A bootstrap that was read and whose own fields are implemented. Its resources are judged when they are loaded.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    pub message: Arc<BootstrapPb>,
    pub node: Node,
    /// The stream for everything that is configured as `ads`.
    pub ads: Option<GrpcSource>,
    /// Listeners, and clusters, come from ADS.
    pub dynamic_listeners: bool,
    pub dynamic_clusters: bool,
    /// How long the first listeners wait for the first clusters (`cds_config.initial_fetch_timeout`); `None`: for ever.
    pub(crate) first_clusters: Option<Duration>,
    pub(crate) default_sockets: SocketSettings,
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
        supported::check(&any(&message))?;
        let dynamic = message.dynamic_resources.clone().unwrap_or_default();
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
        let bind = message.cluster_manager.as_ref().and_then(|manager| manager.upstream_bind_config.as_ref());
        let default_sockets = SocketSettings::for_upstream(bind, None)
            .map_err(|error| error.within("upstream_bind_config").within("cluster_manager"))?;
        Ok(Self {
            node: message.node.clone().unwrap_or_default(),
            dynamic_listeners: over_ads(dynamic.lds_config.as_ref(), "lds_config")?,
            dynamic_clusters: over_ads(dynamic.cds_config.as_ref(), "cds_config")?,
            first_clusters: timeout(dynamic.cds_config.as_ref())
                .map_err(|error| error.within("cds_config").within("dynamic_resources"))?,
            ads,
            default_sockets,
            message: Arc::new(message),
        })
    }

    /// Judges the static resources as loading them would, without opening a socket.
    pub fn check_resources(&self) -> Result<(), FieldError> {
        for (kind, _, body, place) in self.static_resources() {
            self.check_resource(kind, &body).map_err(|error| error.within(place))?;
        }
        Ok(())
    }

    fn check_resource(&self, kind: ResourceType, body: &Any) -> Result<(), FieldError> {
        supported::check(body)?;
        let bytes = body.value.as_slice();
        let unreadable = |error: prost::DecodeError| FieldError::new("", error.to_string());
        match kind {
            ResourceType::Cluster => {
                let pb = ClusterPb::decode(bytes).map_err(unreadable)?;
                ClusterConfig::from_proto(&pb, &self.default_sockets).map(drop)
            }
            ResourceType::Listener => {
                let pb = ListenerPb::decode(bytes).map_err(unreadable)?;
                ListenerConfig::from_proto(&pb).map(drop)
            }
            ResourceType::Secret => {
                let pb = SecretPb::decode(bytes).map_err(unreadable)?;
                Secret::from_proto(&pb).map(drop)
            }
            ResourceType::Endpoint | ResourceType::Route => Ok(()),
        }
    }

    /// The static resources in the order in which they can be loaded, with their names and their places in the file.
    pub(crate) fn static_resources(&self) -> Vec<(ResourceType, String, Any, String)> {
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
    let Some(pb) = &dynamic.ads_config else { return Ok(None) };
    let source = GrpcSource::from_proto(pb).map_err(|error| error.within("ads_config"))?;
    if !source.delta {
        return Err(FieldError::new(
            "ads_config.api_type",
            "GRPC is not implemented for ADS; use DELTA_GRPC",
        ));
    }
    Ok(Some(source))
}

fn timeout(source: Option<&ConfigSource>) -> Result<Option<Duration>, FieldError> {
    source.map_or(Ok(None), |source| Ok(Fetch::from_proto(Some(source))?.timeout))
}

#[cfg(test)]
mod tests;
