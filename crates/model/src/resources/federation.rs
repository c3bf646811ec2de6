//! Federation: the federation file as it is written, field by field. What follows from it is
//! `crate::federation`.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::Deserialize;

use super::mesh_config::MeshConfig;
use crate::cidr::Cidr;
use crate::mesh::OutboundPolicy;

/// The `spec` of a federation file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct FederationSpec {
    /// The suffix under which services are exposed.
    pub suffix: String,
    pub networks: Networks,
    pub clusters: Vec<ClusterSpec>,
    pub dns: DnsSpec,
    pub outbound_traffic_policy: OutboundPolicy,
    /// Settings of all clusters' meshes.
    pub mesh: MeshConfig,
}

/// The address ranges of the local runtime. Every cluster has the same pod and service ranges.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Networks {
    pub pods: Cidr,
    pub services: Cidr,
    /// The only network that clusters share.
    pub internet: Cidr,
}

/// One cluster of the federation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ClusterSpec {
    pub name: String,
    pub region: String,
    /// `<name>.local` where empty; see [`ClusterSpec::trust_domain`].
    pub trust_domain: String,
    pub ingress: GatewayAddress,
    pub egress: GatewayAddress,
    /// Files and folders, relative to the federation file.
    pub resources: Vec<String>,
    /// Texts to replace in the string scalars of this cluster's resources, before they are typed.
    pub substitute: BTreeMap<String, String>,
    /// Settings of this cluster's mesh, over those of the federation.
    pub mesh: MeshConfig,
}

/// A gateway's address on the internet network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct GatewayAddress {
    pub address: Option<Ipv4Addr>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DnsSpec {
    /// One fixed answer for every name under the suffix; an address per host where absent.
    pub global_address: Option<Ipv4Addr>,
    /// Resolvers for all other names, `address` or `address:port`; those of the machine where
    /// empty.
    pub upstream: Vec<String>,
}

impl Default for FederationSpec {
    fn default() -> FederationSpec {
        FederationSpec {
            suffix: "global".to_owned(),
            networks: Networks::default(),
            clusters: Vec::new(),
            dns: DnsSpec::default(),
            outbound_traffic_policy: OutboundPolicy::default(),
            mesh: MeshConfig::default(),
        }
    }
}

impl Default for Networks {
    fn default() -> Networks {
        let range = |a, b, c, d, prefix| {
            Cidr::new(Ipv4Addr::new(a, b, c, d).into(), prefix).expect("at most 24 bits fit an IPv4 address")
        };
        Networks {
            pods: range(10, 10, 0, 0, 16),
            services: range(10, 96, 0, 0, 16),
            internet: range(203, 0, 113, 0, 24),
        }
    }
}

impl ClusterSpec {
    /// The trust domain, `<name>.local` where none is given.
    pub fn trust_domain(&self) -> String {
        match self.trust_domain.as_str() {
            "" => format!("{}.local", self.name),
            given => given.to_owned(),
        }
    }
}
