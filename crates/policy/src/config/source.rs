//! Where a named resource is to be fetched from: the ADS stream, or a gRPC stream of its own.

use std::time::Duration;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::core::v3::api_config_source::ApiType;
use carrick_xds::pb::envoy::config::core::v3::config_source::ConfigSourceSpecifier;
use carrick_xds::pb::envoy::config::core::v3::grpc_service::{EnvoyGrpc, TargetSpecifier};
use carrick_xds::pb::envoy::config::core::v3::{
    AggregatedConfigSource, ApiConfigSource, ApiVersion, ConfigSource, GrpcService,
};

use super::duration;
use super::refuse::refuse;

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

/// How long a new cluster or listener waits for what it names, unless `initial_fetch_timeout` says
/// otherwise.
const DEFAULT_FETCH_TIMEOUT: Duration = Duration::from_secs(15);

/// What is fetched, and for how long its user waits for the first version. `None`: for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    pub source: Source,
    pub timeout: Option<Duration>,
}

impl Fetch {
    pub fn from_proto(pb: Option<&ConfigSource>) -> Result<Self, FieldError> {
        let pb = pb.ok_or_else(|| FieldError::new("", "a source is required"))?;
        let ConfigSource {
            authorities,
            initial_fetch_timeout,
            // Only V3 has a form here.
            resource_api_version: _,
            config_source_specifier,
        } = pb;
        refuse!(authorities);
        let timeout =
            duration(initial_fetch_timeout.as_ref(), "initial_fetch_timeout", DEFAULT_FETCH_TIMEOUT)?;
        let refused = |field: &str| Err(FieldError::new(field, "is not implemented"));
        let source = match config_source_specifier {
            Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource {})) => Source::Ads,
            Some(ConfigSourceSpecifier::ApiConfigSource(api)) => {
                Source::Grpc(GrpcSource::from_proto(api).map_err(|e| e.within("api_config_source"))?)
            }
            Some(ConfigSourceSpecifier::Path(_)) => return refused("path"),
            Some(ConfigSourceSpecifier::PathConfigSource(_)) => return refused("path_config_source"),
            Some(ConfigSourceSpecifier::Self_(_)) => return refused("self"),
            None => return Err(FieldError::new("", "only ads and api_config_source are implemented")),
        };
        Ok(Self { source, timeout: (!timeout.is_zero()).then_some(timeout) })
    }
}

impl GrpcSource {
    pub fn from_proto(pb: &ApiConfigSource) -> Result<Self, FieldError> {
        let ApiConfigSource {
            api_type: _,
            transport_api_version: _,
            cluster_names,
            grpc_services,
            refresh_delay,
            // How often a server is asked, and for how long an answer is waited for, concerns
            // polling only.
            request_timeout: _,
            rate_limit_settings: _,
            // The node always comes with the first message.
            set_node_on_first_message_only: _,
            config_validators,
        } = pb;
        refuse!(cluster_names, refresh_delay, config_validators);
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
        let [service] = grpc_services.as_slice() else {
            let n = grpc_services.len();
            return Err(FieldError::new("grpc_services", format!("exactly one is needed, not {n}")));
        };
        let grpc = grpc(service).map_err(|error| error.within("grpc_services[0]"))?;
        let EnvoyGrpc {
            cluster_name,
            authority,
            // Streams are opened again for ever, with a back-off of their own.
            retry_policy: _,
            max_receive_message_length: _,
            skip_envoy_headers: _,
        } = grpc;
        if cluster_name.is_empty() {
            return Err(FieldError::new("grpc_services[0].envoy_grpc.cluster_name", "is required"));
        }
        Ok(Self { cluster: cluster_name.clone(), authority: authority.clone(), delta })
    }
}

fn grpc(pb: &GrpcService) -> Result<&EnvoyGrpc, FieldError> {
    // A stream has no end, and so no time limit.
    let GrpcService { timeout: _, initial_metadata, retry_policy, target_specifier } = pb;
    refuse!(initial_metadata, retry_policy);
    match target_specifier {
        Some(TargetSpecifier::EnvoyGrpc(grpc)) => Ok(grpc),
        Some(TargetSpecifier::GoogleGrpc(_)) => Err(FieldError::new("google_grpc", "is not implemented")),
        None => Err(FieldError::new("envoy_grpc.cluster_name", "is required")),
    }
}
