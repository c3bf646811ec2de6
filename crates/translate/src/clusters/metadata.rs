//! What a cluster tells about itself under `istio`: the responsible resource, and the service that
//! it leads to (`pilot/pkg/networking/core/cluster.go`, `addClusterMetadata...`).

use super::destination::Destination;
use crate::envoy::core::Metadata;
use crate::rule::{add, boolean, istio, list, number, object, string};

pub(super) fn cluster_metadata(destination: &Destination<'_>) -> Metadata {
    let service = destination.service;
    let rule = destination.rule.and_then(|rule| rule.meta());
    let responsible = rule.unwrap_or(&service.meta);
    let mut metadata = istio([
        ("config", string(&responsible.config_path())),
        ("default_original_port", number(destination.port.number)),
        (
            "services",
            list(vec![object([
                ("host", string(&service.host)),
                ("name", string(&service.name)),
                ("namespace", string(&service.namespace)),
            ])]),
        ),
    ]);
    if let Some(subset) = destination.subset {
        add(&mut metadata, "subset", string(&subset.name));
    }
    if service.mesh_external {
        add(&mut metadata, "external", boolean(true));
    }
    metadata
}
