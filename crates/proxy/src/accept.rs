//! What this proxy would say to a resource, without taking it.
//!
//! It must not know who asks: tests of what a control plane sends, for one.

use carrick_xds::pb::envoy::config::cluster::v3::Cluster;
use carrick_xds::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use carrick_xds::pb::envoy::config::listener::v3::Listener;
use carrick_xds::pb::envoy::config::route::v3::RouteConfiguration;
use carrick_xds::pb::envoy::extensions::transport_sockets::tls::v3::Secret as SecretPb;
use carrick_xds::{FieldError, ResourceType};
use prost::Message;
use prost_types::Any;

use crate::config::cluster::ClusterConfig;
use crate::config::endpoint::Assignment;
use crate::config::socket::SocketSettings;
use crate::config::supported;
use crate::http::RouteTable;
use crate::listener::config::ListenerConfig;
use crate::secrets::Secret;

/// Whether a resource is one that this proxy obeys in all of its fields.
///
/// # Errors
/// The field that it does not obey, as in its NACK.
pub fn accepts(kind: ResourceType, body: &Any) -> Result<(), FieldError> {
    supported::check(body)?;
    match kind {
        ResourceType::Cluster => {
            ClusterConfig::from_proto(&decode::<Cluster>(body)?, &SocketSettings::default()).map(drop)
        }
        ResourceType::Listener => ListenerConfig::from_proto(&decode::<Listener>(body)?).map(drop),
        ResourceType::Endpoint => {
            Assignment::from_proto(&decode::<ClusterLoadAssignment>(body)?, false).map(drop)
        }
        ResourceType::Route => RouteTable::from_proto(&decode::<RouteConfiguration>(body)?).map(drop),
        ResourceType::Secret => Secret::from_proto(&decode::<SecretPb>(body)?).map(drop),
    }
}

fn decode<M: Message + Default>(body: &Any) -> Result<M, FieldError> {
    M::decode(body.value.as_slice()).map_err(|error| FieldError::new("", error.to_string()))
}
