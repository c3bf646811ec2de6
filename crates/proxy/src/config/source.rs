//! Where a named resource is to be fetched from: the ADS stream, or a gRPC stream of its own.

use std::time::Duration;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::core::v3::api_config_source::ApiType;
use carrick_xds::pb::envoy::config::core::v3::config_source::ConfigSourceSpecifier;
use carrick_xds::pb::envoy::config::core::v3::grpc_service::TargetSpecifier;
use carrick_xds::pb::envoy::config::core::v3::{ApiConfigSource, ApiVersion, ConfigSource};

use super::duration;

/// A server of resources.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    Ads,
    Grpc(GrpcSource),
}

/// A gRPC server, reached through a cluster of this proxy.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GrpcSource {
    pub cluster: String,
    /// `:authority` of the stream; the cluster's name if empty.
    pub authority: String,
    pub delta: bool,
}

/// How long a new cluster or listener waits for what it names, unless `initial_fetch_timeout` says otherwise.
const DEFAULT_FETCH_TIMEOUT: Duration = Duration::from_secs(15);

/// What is fetched, and for how long its user waits for the first version. `None`: for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    pub source: Source,
    pub timeout: Option<Duration>,
}

impl Fetch {
    pub(crate) fn from_proto(pb: Option<&ConfigSource>) -> Result<Self, FieldError> {
        let pb = pb.ok_or_else(|| FieldError::new("", "a source is required"))?;
        let timeout =
            duration(pb.initial_fetch_timeout.as_ref(), "initial_fetch_timeout", DEFAULT_FETCH_TIMEOUT)?;
        let source = match pb.config_source_specifier.as_ref() {
            Some(ConfigSourceSpecifier::Ads(_)) => Source::Ads,
            Some(ConfigSourceSpecifier::ApiConfigSource(api)) => {
                Source::Grpc(GrpcSource::from_proto(api).map_err(|e| e.within("api_config_source"))?)
            }
            _ => return Err(FieldError::new("", "only ads and api_config_source are implemented")),
        };
        Ok(Self { source, timeout: (!timeout.is_zero()).then_some(timeout) })
    }
}

impl GrpcSource {
    pub(crate) fn from_proto(pb: &ApiConfigSource) -> Result<Self, FieldError> {
        let delta = match pb.api_type() {
            ApiType::Grpc => false,
            ApiType::DeltaGrpc => true,
            other => {
                let name = other.as_str_name();
                return Err(FieldError::new(
                    "api_type",
                    format!("{name} is not implemented; use DELTA_GRPC"),
                ));
            }
        };
        if pb.transport_api_version() == ApiVersion::V2 {
            return Err(FieldError::new("transport_api_version", "V2 is not implemented; use V3"));
        }
        let [service] = pb.grpc_services.as_slice() else {
            let n = pb.grpc_services.len();
            return Err(FieldError::new("grpc_services", format!("exactly one is needed, not {n}")));
        };
        match &service.target_specifier {
            Some(TargetSpecifier::EnvoyGrpc(grpc)) if !grpc.cluster_name.is_empty() => {
                Ok(Self { cluster: grpc.cluster_name.clone(), authority: grpc.authority.clone(), delta })
            }
            _ => Err(FieldError::new("grpc_services[0].envoy_grpc.cluster_name", "is required")),
        }
    }
}
