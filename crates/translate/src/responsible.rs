//! The way back: which of the operator's resources an xDS resource was made of, by the metadata
//! that [`rule`] writes into it.
//!
//! It must not know where those are written.

use std::collections::BTreeSet;

use carrick_xds::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::RouteSpecifier;
use carrick_xds::{Resource, ResourceType};
use prost::{Message, Name};

use crate::envoy::cluster::Cluster;
use crate::envoy::core::Metadata;
use crate::envoy::hcm::HttpConnectionManager;
use crate::envoy::listener::filter::ConfigType;
use crate::envoy::listener::{FilterChain, Listener};
use crate::envoy::route::RouteConfiguration;
use crate::rule;

/// The config paths (`/apis/networking.istio.io/…`) in a resource. A resource that nobody in
/// particular asked for has none.
pub fn responsible(resource: &Resource) -> BTreeSet<String> {
    let bytes = resource.body.value.as_slice();
    let found = match ResourceType::from_type_url(&resource.body.type_url) {
        Some(ResourceType::Listener) => Listener::decode(bytes).map(|listener| in_listener(&listener)),
        Some(ResourceType::Cluster) => {
            Cluster::decode(bytes).map(|cluster| config_path(cluster.metadata.as_ref()))
        }
        Some(ResourceType::Route) => RouteConfiguration::decode(bytes).map(|table| in_routes(&table)),
        Some(ResourceType::Endpoint | ResourceType::Secret) | None => return BTreeSet::new(),
    };
    // What this crate encoded it can decode.
    found.unwrap_or_default().into_iter().collect()
}

fn config_path(metadata: Option<&Metadata>) -> Vec<String> {
    metadata.and_then(rule::config_of).into_iter().map(str::to_owned).collect()
}

fn in_listener(listener: &Listener) -> Vec<String> {
    let chains = listener.filter_chains.iter().chain(&listener.default_filter_chain);
    chains.flat_map(in_chain).chain(config_path(listener.metadata.as_ref())).collect()
}

fn in_chain(chain: &FilterChain) -> Vec<String> {
    let configs = chain.filters.iter().filter_map(|filter| match &filter.config_type {
        Some(ConfigType::TypedConfig(any)) if any.type_url.ends_with(&HttpConnectionManager::full_name()) => {
            HttpConnectionManager::decode(any.value.as_slice()).ok()
        }
        _ => None,
    });
    let inline = configs.filter_map(|manager| match manager.route_specifier {
        Some(RouteSpecifier::RouteConfig(table)) => Some(in_routes(&table)),
        _ => None,
    });
    inline.flatten().chain(config_path(chain.metadata.as_ref())).collect()
}

fn in_routes(table: &RouteConfiguration) -> Vec<String> {
    let routes = table.virtual_hosts.iter().flat_map(|host| &host.routes);
    routes.flat_map(|route| config_path(route.metadata.as_ref())).collect()
}
