//! The federation file, field by field.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use carrick_identity::TrustDomain;
use carrick_identity::spiffe::SpiffeError;
use serde::Deserialize;

use super::mesh_config::MeshConfig;
use crate::cidr::Cidr;
use crate::mesh::{AccessLog, MeshSettings, OutboundPolicy};

/// The `spec` of a federation file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Federation {
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
    /// Resolvers for all other names, `address` or `address:port`; those of the machine where empty.
    pub upstream: Vec<String>,
}

impl Default for Federation {
    fn default() -> Federation {
        Federation {
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

impl Federation {
    pub fn cluster(&self, name: &str) -> Option<&ClusterSpec> {
        self.clusters.iter().find(|cluster| cluster.name == name)
    }

    /// The mesh settings of one cluster of this federation: its own trust domain, and all the others' as peers'.
    ///
    /// # Errors
    /// When a trust domain is none; [`super::parse_federation`] hands out no such federation.
    pub fn mesh_settings(&self, cluster: &ClusterSpec) -> Result<MeshSettings, SpiffeError> {
        let peers = self.clusters.iter().filter(|other| other.name != cluster.name);
        // The proxies' own output, where `carrick logs` finds it.
        let access_log = AccessLog { path: "/dev/stdout".to_owned(), ..AccessLog::default() };
        let mut settings = MeshSettings {
            network: cluster.name.clone(),
            region: cluster.region.clone(),
            peer_trust_domains: peers
                .map(|peer| TrustDomain::new(peer.trust_domain()))
                .collect::<Result<Vec<_>, _>>()?,
            dns_suffix: self.suffix.clone(),
            outbound_policy: self.outbound_traffic_policy,
            service_range: self.networks.services,
            global_address: self.dns.global_address,
            access_log: Some(access_log),
            ..MeshSettings::new(&cluster.name, TrustDomain::new(cluster.trust_domain())?)
        };
        self.mesh.apply(&mut settings)?;
        cluster.mesh.apply(&mut settings)?;
        Ok(settings)
    }
}
