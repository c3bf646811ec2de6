//! What this proxy would say to a resource, without taking it.
//!
//! It must not know who asks: tests of what a control plane sends, for one, or who wants a
//! bootstrap validated.

use carrick_policy::bootstrap::Bootstrap;
use carrick_policy::config::cluster::ClusterConfig;
use carrick_policy::config::endpoint::Assignment;
use carrick_policy::config::resource;
use carrick_policy::config::socket::SocketSettings;
use carrick_policy::http::RouteTable;
use carrick_policy::listener::config::ListenerConfig;
use carrick_policy::secret::Secret;
use carrick_xds::pb::envoy::config::cluster::v3::Cluster;
use carrick_xds::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use carrick_xds::pb::envoy::config::listener::v3::Listener as ListenerPb;
use carrick_xds::pb::envoy::config::route::v3::RouteConfiguration;
use carrick_xds::pb::envoy::extensions::transport_sockets::tls::v3::Secret as SecretPb;
use carrick_xds::{FieldError, ResourceType};
use prost_types::Any;

use crate::cluster::UpstreamCluster;
use crate::listener::Listener;
use crate::registry::Registry;
use crate::secrets::Secrets;
use crate::stats::Stats;

/// Whether a resource is one that this proxy obeys in all of its fields.
///
/// # Errors
/// The field that it does not obey, as in its NACK.
pub fn accepts(kind: ResourceType, body: &Any) -> Result<(), FieldError> {
    judge(kind, body, &SocketSettings::default())
}

/// Judges the static resources as loading them would, without opening a socket.
///
/// # Errors
/// The place of the resource in the bootstrap, and the field of it that is not obeyed.
pub fn check_resources(bootstrap: &Bootstrap) -> Result<(), FieldError> {
    for (kind, _, body, place) in bootstrap.static_resources() {
        judge(kind, &body, &bootstrap.default_sockets).map_err(|error| error.within(place))?;
    }
    Ok(())
}

/// Goes as far as loading it would, TLS contexts with their inline secrets included.
fn judge(kind: ResourceType, body: &Any, default_sockets: &SocketSettings) -> Result<(), FieldError> {
    match kind {
        ResourceType::Cluster => {
            let config = ClusterConfig::from_proto(&resource::<Cluster>(body)?, default_sockets)?;
            UpstreamCluster::new(config, &Secrets::default(), &Stats::default()).map(drop)
        }
        ResourceType::Listener => {
            let config = ListenerConfig::from_proto(&resource::<ListenerPb>(body)?)?;
            let Registry { env, routes, .. } = Registry::new(String::new());
            Listener::new(config, None, &env.secrets, &routes, &env.stats, &env.drain).map(drop)
        }
        ResourceType::Endpoint => {
            Assignment::from_proto(&resource::<ClusterLoadAssignment>(body)?, false).map(drop)
        }
        ResourceType::Route => RouteTable::from_proto(&resource::<RouteConfiguration>(body)?).map(drop),
        ResourceType::Secret => Secret::from_proto(&resource::<SecretPb>(body)?).map(drop),
    }
}

#[cfg(test)]
mod fields;
#[cfg(test)]
mod tests;
