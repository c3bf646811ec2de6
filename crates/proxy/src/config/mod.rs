//! From xDS messages to what this proxy runs, or a refusal that names the field.
//!
//! Pure: nothing here opens a socket or knows what is in use. What a message may set at all is in [`supported`]; the other modules
//! only look at fields that passed it.

pub mod address;
pub mod cluster;
pub mod endpoint;
pub mod listener;
pub mod matcher;
pub mod socket;
pub mod source;
pub(crate) mod supported;
pub mod tcp_proxy;
pub mod tls;

use std::time::Duration;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::core::v3::Metadata;
use prost_types::value::Kind;

/// A protobuf duration, or `default` where none is given.
pub(crate) fn duration(
    pb: Option<&prost_types::Duration>,
    field: &str,
    default: Duration,
) -> Result<Duration, FieldError> {
    Ok(optional_duration(pb, field)?.unwrap_or(default))
}

pub(crate) fn optional_duration(
    pb: Option<&prost_types::Duration>,
    field: &str,
) -> Result<Option<Duration>, FieldError> {
    pb.map(|pb| Duration::try_from(*pb).map_err(|_negative| FieldError::new(field, "must not be negative")))
        .transpose()
}

/// `filter_metadata["istio"]["config"]`: the path of the resource that made the object that carries this metadata.
pub(crate) fn rule(metadata: Option<&Metadata>) -> Option<String> {
    let config = metadata?.filter_metadata.get("istio")?.fields.get("config")?;
    match config.kind.as_ref()? {
        Kind::StringValue(path) => Some(path.clone()),
        _ => None,
    }
}
