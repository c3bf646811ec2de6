//! Names of secrets and where they come from: the agent beside the proxy, over SDS (semantics
//! document, section 13; `pilot/pkg/model/authentication.go`, `security/pkg/credentials`).

use crate::envoy::core::{
    self, ApiConfigSource, ConfigSource, GrpcService, api_config_source::ApiType,
    config_source::ConfigSourceSpecifier, grpc_service,
};
use crate::envoy::tls::SdsSecretConfig;
use crate::filters::ads;
use crate::names::SDS_CLUSTER;

/// The workload's own certificate and key.
pub(crate) const WORKLOAD: &str = "default";
/// The roots that the mesh trusts.
pub(crate) const MESH_ROOTS: &str = "ROOTCA";
/// The machine's own roots.
pub(crate) const SYSTEM_ROOTS: &str = "file-root:system";

/// A certificate and key named as files on the proxy's side; the agent reads them.
pub(crate) fn file_certificate(certificate: &str, key: &str) -> String {
    format!("file-cert:{certificate}~{key}")
}

pub(crate) fn file_roots(path: &str) -> String {
    format!("file-root:{path}")
}

/// A Kubernetes secret; only gateways may name one, and it comes over ADS after authorization.
pub(crate) fn kubernetes(name: &str) -> String {
    format!("kubernetes://{name}")
}

/// The roots beside a Kubernetes secret (Istio's `-cacert` suffix).
pub(crate) fn kubernetes_roots(name: &str) -> String {
    format!("kubernetes://{name}-cacert")
}

/// Where to fetch the secret of this name.
pub(crate) fn named(name: &str) -> SdsSecretConfig {
    let source = if name.starts_with("kubernetes://") { ads() } else { agent() };
    SdsSecretConfig { name: name.into(), sds_config: Some(source) }
}

fn agent() -> ConfigSource {
    let service = GrpcService {
        target_specifier: Some(grpc_service::TargetSpecifier::EnvoyGrpc(grpc_service::EnvoyGrpc {
            cluster_name: SDS_CLUSTER.into(),
            ..Default::default()
        })),
        ..Default::default()
    };
    let api = ApiConfigSource {
        api_type: ApiType::Grpc as i32,
        transport_api_version: core::ApiVersion::V3 as i32,
        grpc_services: vec![service],
        set_node_on_first_message_only: true,
        ..Default::default()
    };
    ConfigSource {
        initial_fetch_timeout: Some(Default::default()),
        resource_api_version: core::ApiVersion::V3 as i32,
        config_source_specifier: Some(ConfigSourceSpecifier::ApiConfigSource(api)),
        ..Default::default()
    }
}
