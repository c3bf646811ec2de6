//! A federation as its file says, complete: for each cluster what the runtime of a machine needs to
//! run it, and what its control plane needs to know, which comes from elsewhere where no such
//! runtime is.

mod read;
mod settings;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

pub use read::parse_federation;

use crate::mesh::MeshSettings;
use crate::resource::Meta;
use crate::resources::Networks;

/// A federation on one machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Federation {
    /// Its name, and the places of its file's fields.
    pub meta: Meta,
    pub networks: Networks,
    pub clusters: Vec<FederatedCluster>,
}

/// One cluster of it.
#[derive(Debug, Clone, PartialEq)]
pub struct FederatedCluster {
    pub name: String,
    pub runtime: ClusterRuntime,
    pub config: ClusterConfig,
}

/// What the runtime of a machine needs to run a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterRuntime {
    /// The ingress gateway's address on the network between the clusters.
    pub ingress: Ipv4Addr,
    /// The egress gateway's address there.
    pub egress: Ipv4Addr,
    /// Files and folders, relative to the federation file.
    pub resources: Vec<String>,
    /// Texts to replace in the string scalars of these files, before they are typed.
    pub substitute: BTreeMap<String, String>,
}

/// What a cluster's control plane needs to know, beside its resources.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterConfig {
    pub settings: MeshSettings,
    /// Resolvers for names that are not the mesh's, `address` or `address:port`; those of the
    /// machine where empty.
    pub resolvers: Vec<String>,
}

impl Federation {
    pub fn cluster(&self, name: &str) -> Option<&FederatedCluster> {
        self.clusters.iter().find(|cluster| cluster.name == name)
    }
}
