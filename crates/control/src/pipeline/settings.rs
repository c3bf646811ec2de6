//! One cluster's mesh settings, by the federation file.
//!
//! It must not know resources.

use std::collections::BTreeMap;

use carrick_model::{AccessLog, Federation, MeshSettings};

/// The settings of a cluster: its own trust domain, those of its peers, the shared suffix. `None` if there is no such cluster.
pub fn of(federation: &Federation, cluster: &str) -> Option<MeshSettings> {
    let settings = federation.mesh_settings(federation.cluster(cluster)?).ok()?;
    Some(MeshSettings {
        access_log: Some(AccessLog {
            path: "/dev/stdout".into(),
            encoding: Default::default(),
            format: String::new(),
        }),
        ..settings
    })
}

/// What to replace in a cluster's files; `${NAME.ingress.address}` stands for another cluster's ingress gateway.
pub fn substitutions(federation: &Federation, cluster: &str) -> BTreeMap<String, String> {
    let Some(own) = federation.clusters.iter().find(|spec| spec.name == cluster) else {
        return BTreeMap::new();
    };
    let resolve = |value: &String| {
        let mut value = value.clone();
        for spec in &federation.clusters {
            for (gateway, address) in [("ingress", spec.ingress.address), ("egress", spec.egress.address)] {
                if let Some(address) = address {
                    value =
                        value.replace(&format!("${{{}.{gateway}.address}}", spec.name), &address.to_string());
                }
            }
        }
        value
    };
    own.substitute.iter().map(|(text, value)| (text.clone(), resolve(value))).collect()
}
