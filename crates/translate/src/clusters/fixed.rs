//! Clusters that exist whatever the mesh holds: where unknown traffic goes, and how the local
//! application is reached.

use std::time::Duration;

use crate::address;
use crate::envoy::cluster::Cluster;
use crate::envoy::cluster::cluster::{ClusterDiscoveryType, DiscoveryType, LbPolicy};
use crate::envoy::core::{Address, BindConfig};
use crate::envoy::endpoint::{
    ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints, lb_endpoint::HostIdentifier,
};
use crate::names;

use super::circuit_breakers;
use super::protocol::use_downstream_protocol;
use crate::duration::duration;

/// Istio's default connect timeout (MeshConfig `connectTimeout`).
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections end here that nothing may carry further.
pub(crate) fn black_hole() -> Cluster {
    Cluster {
        alt_stat_name: names::stat_name(names::BLACK_HOLE),
        ..of_type(names::BLACK_HOLE, DiscoveryType::Static)
    }
}

/// Connections go where the application wanted them to go.
pub(crate) fn passthrough() -> Cluster {
    Cluster {
        typed_extension_protocol_options: use_downstream_protocol(),
        ..original_destination(names::PASSTHROUGH)
    }
}

/// Connections go to the local application, at the port that the client dialled.
pub(crate) fn inbound_passthrough() -> Cluster {
    inbound(names::INBOUND_PASSTHROUGH)
}

/// One inbound port: like [`inbound_passthrough`], under its own name.
pub(crate) fn inbound(name: &str) -> Cluster {
    let source = BindConfig {
        source_address: Some(address::socket(&names::INBOUND_SOURCE_ADDRESS, 0)),
        ..Default::default()
    };
    Cluster {
        upstream_bind_config: Some(source),
        typed_extension_protocol_options: use_downstream_protocol(),
        ..original_destination(name)
    }
}

/// A cluster whose only endpoint is known from the start.
pub(crate) fn single_endpoint(name: &str, address: Address, connect_timeout: Duration) -> Cluster {
    let endpoint = Endpoint { address: Some(address), ..Default::default() };
    let endpoint =
        LbEndpoint { host_identifier: Some(HostIdentifier::Endpoint(endpoint)), ..Default::default() };
    Cluster {
        connect_timeout: Some(duration(connect_timeout)),
        load_assignment: Some(ClusterLoadAssignment {
            cluster_name: name.into(),
            endpoints: vec![LocalityLbEndpoints { lb_endpoints: vec![endpoint], ..Default::default() }],
            ..Default::default()
        }),
        ..of_type(name, DiscoveryType::Static)
    }
}

fn original_destination(name: &str) -> Cluster {
    Cluster {
        alt_stat_name: names::stat_name(name),
        lb_policy: LbPolicy::ClusterProvided as i32,
        circuit_breakers: Some(circuit_breakers()),
        ..of_type(name, DiscoveryType::OriginalDst)
    }
}

fn of_type(name: &str, discovery: DiscoveryType) -> Cluster {
    Cluster {
        name: name.into(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(discovery as i32)),
        connect_timeout: Some(duration(CONNECT_TIMEOUT)),
        ..Default::default()
    }
}
