//! Load assignments: a cluster's hosts by locality and priority.

use std::collections::BTreeMap;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::core::v3::{HealthStatus, Locality as LocalityPb, Metadata};
use carrick_xds::pb::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use carrick_xds::pb::envoy::config::endpoint::v3::locality_lb_endpoints::LbConfig;
use carrick_xds::pb::envoy::config::endpoint::v3::{
    ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints,
};
use prost_types::value::Kind;

use super::address::{Host, host};
use super::refuse::refuse;
use crate::address::Address;

/// A load assignment, converted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Assignment {
    pub localities: Vec<AssignedLocality>,
}

/// Where hosts are, as coarsely as load balancing looks at it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Locality {
    pub region: String,
    pub zone: String,
    pub sub_zone: String,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct AssignedLocality {
    pub locality: Locality,
    pub priority: u32,
    /// 0 if none was given.
    pub weight: u32,
    pub hosts: Vec<AssignedHost>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct AssignedHost {
    pub host: Host,
    pub hostname: String,
    pub weight: u32,
    pub healthy: bool,
    /// `metadata.filter_metadata["envoy.transport_socket_match"]`, the values that are strings.
    pub transport_labels: BTreeMap<String, String>,
}

/// Priorities may not leave gaps in Envoy, and its highest is 128.
const HIGHEST_PRIORITY: u32 = 128;

impl Assignment {
    /// `names_allowed`: hosts may be given by name (DNS clusters).
    pub fn from_proto(pb: &ClusterLoadAssignment, names_allowed: bool) -> Result<Self, FieldError> {
        let convert = |(n, pb)| {
            AssignedLocality::from_proto(pb, names_allowed).map_err(|e| e.within(format!("endpoints[{n}]")))
        };
        let ClusterLoadAssignment {
            // Compared by who asked for it.
            cluster_name: _,
            endpoints,
            named_endpoints,
            policy,
        } = pb;
        refuse!(named_endpoints, policy);
        let localities = endpoints.iter().enumerate().map(convert);
        Ok(Self { localities: localities.collect::<Result<_, _>>()? })
    }

    pub fn hosts(&self) -> impl Iterator<Item = &AssignedHost> {
        self.localities.iter().flat_map(|locality| &locality.hosts)
    }
}

impl AssignedLocality {
    fn from_proto(pb: &LocalityLbEndpoints, names_allowed: bool) -> Result<Self, FieldError> {
        let LocalityLbEndpoints {
            locality,
            // Read by extensions and by zone-aware routing, of which there are none here.
            metadata: _,
            proximity: _,
            lb_endpoints,
            load_balancing_weight,
            priority,
            lb_config,
        } = pb;
        match lb_config {
            None => {}
            Some(LbConfig::LoadBalancerEndpoints(_)) => {
                return Err(FieldError::new("load_balancer_endpoints", "is not implemented"));
            }
            Some(LbConfig::LedsClusterLocalityConfig(_)) => {
                return Err(FieldError::new("leds_cluster_locality_config", "is not implemented"));
            }
        }
        if *priority > HIGHEST_PRIORITY {
            return Err(FieldError::new("priority", format!("must not be above {HIGHEST_PRIORITY}")));
        }
        let convert = |(n, pb)| {
            AssignedHost::from_proto(pb, names_allowed).map_err(|e| e.within(format!("lb_endpoints[{n}]")))
        };
        let LocalityPb { region, zone, sub_zone } = locality.clone().unwrap_or_default();
        Ok(Self {
            locality: Locality { region, zone, sub_zone },
            priority: *priority,
            weight: load_balancing_weight.unwrap_or(0),
            hosts: lb_endpoints.iter().enumerate().map(convert).collect::<Result<_, _>>()?,
        })
    }
}

impl AssignedHost {
    fn from_proto(pb: &LbEndpoint, names_allowed: bool) -> Result<Self, FieldError> {
        let LbEndpoint { health_status: _, metadata, load_balancing_weight, host_identifier } = pb;
        let endpoint = match host_identifier {
            Some(HostIdentifier::Endpoint(endpoint)) => endpoint,
            Some(HostIdentifier::EndpointName(_)) => {
                return Err(FieldError::new("endpoint_name", "is not implemented"));
            }
            None => return Err(FieldError::new("endpoint", "is required")),
        };
        let (host, hostname) = endpoint_host(endpoint).map_err(|e| e.within("endpoint"))?;
        if let (Host::Name { name, .. }, false) = (&host, names_allowed) {
            let reason = format!("{name:?} is not an IP address, and this cluster does not resolve names");
            return Err(FieldError::new("endpoint.address.socket_address.address", reason));
        }
        if matches!(&host, Host::Address(Address::Socket(address)) if address.port() == 0) {
            return Err(FieldError::new("endpoint.address.socket_address.port_value", "must not be 0"));
        }
        let weight = load_balancing_weight.unwrap_or(1);
        if weight == 0 {
            return Err(FieldError::new("load_balancing_weight", "must be at least 1"));
        }
        Ok(Self {
            host,
            hostname,
            weight,
            healthy: matches!(
                pb.health_status(),
                HealthStatus::Unknown | HealthStatus::Healthy | HealthStatus::Degraded
            ),
            transport_labels: transport_labels(metadata.as_ref()),
        })
    }
}

fn endpoint_host(pb: &Endpoint) -> Result<(Host, String), FieldError> {
    let Endpoint {
        address,
        // Only active health checks look at it, and clusters with these are refused.
        health_check_config: _,
        hostname,
        additional_addresses,
        // The name of a statistic.
        observability_name: _,
    } = pb;
    refuse!(additional_addresses);
    Ok((host(address.as_ref()).map_err(|e| e.within("address"))?, hostname.clone()))
}

fn transport_labels(metadata: Option<&Metadata>) -> BTreeMap<String, String> {
    let labels = metadata.and_then(|m| m.filter_metadata.get("envoy.transport_socket_match"));
    labels.map(strings).unwrap_or_default()
}

/// The fields of a struct that are strings.
pub fn strings(pb: &prost_types::Struct) -> BTreeMap<String, String> {
    let strings = pb.fields.iter().filter_map(|(name, value)| match value.kind.as_ref()? {
        Kind::StringValue(text) => Some((name.clone(), text.clone())),
        _ => None,
    });
    strings.collect()
}
