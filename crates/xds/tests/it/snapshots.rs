//! Arbitrary sets of resources, some of which no proxy would accept.

use std::collections::BTreeMap;

use carrick_xds::pb::envoy::config::cluster::v3::Cluster;
use carrick_xds::pb::envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType};
use carrick_xds::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use carrick_xds::pb::envoy::config::listener::v3::Listener;
use carrick_xds::pb::envoy::config::route::v3::RouteConfiguration;
use carrick_xds::{ProxyResources, ResourceType};
use proptest::prelude::*;

pub const NAMES: [&str; 4] = ["a", "b", "c", "d"];
pub const KINDS: [ResourceType; 4] =
    [ResourceType::Cluster, ResourceType::Endpoint, ResourceType::Listener, ResourceType::Route];

/// Contents of this number are refused by the proxies of these tests.
pub const POISON: u32 = 3;

/// Content numbers by kind and name.
pub type Contents = BTreeMap<(ResourceType, &'static str), u32>;

pub fn any_contents() -> impl Strategy<Value = Contents> {
    let key = (prop::sample::select(&KINDS[..]), prop::sample::select(&NAMES[..]));
    prop::collection::btree_map(key, 0..=POISON, 0..12)
}

pub fn resources(contents: &Contents) -> ProxyResources {
    let mut set = ProxyResources::default();
    for (&(kind, name), content) in contents {
        let (name, content) = (name.to_string(), content.to_string());
        match kind {
            ResourceType::Cluster => set.add_cluster(&Cluster {
                name,
                alt_stat_name: content,
                cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())),
                ..Cluster::default()
            }),
            ResourceType::Endpoint => set.add_endpoints(&ClusterLoadAssignment {
                cluster_name: name,
                named_endpoints: BTreeMap::from([(content, Default::default())]),
                ..ClusterLoadAssignment::default()
            }),
            ResourceType::Listener => {
                set.add_listener(&Listener { name, stat_prefix: content, ..Listener::default() });
            }
            ResourceType::Route => set.add_route(&RouteConfiguration {
                name,
                request_headers_to_remove: vec![content],
                ..RouteConfiguration::default()
            }),
            ResourceType::Secret => unreachable!("not among KINDS"),
        }
    }
    set
}

/// Whether the proxies of these tests refuse this version of a resource.
pub fn is_poison(kind: ResourceType, name: &str, version: &str) -> bool {
    let Some(name) = NAMES.into_iter().find(|known| *known == name) else { return false };
    let poisoned = resources(&BTreeMap::from([((kind, name), POISON)]));
    poisoned.get(kind, name).is_some_and(|resource| resource.version == version)
}
