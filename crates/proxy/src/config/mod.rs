//! From xDS messages to what this proxy runs, or a refusal that names the field.
//!
//! Pure: nothing here opens a socket or knows what is in use. What a message may set at all is in [`supported`]; the other modules
//! only look at fields that passed it.

pub mod address;
pub mod cluster;
pub mod endpoint;
pub mod socket;
pub mod source;
pub(crate) mod supported;
pub mod tcp_proxy;
pub mod tls;

use std::time::Duration;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::core::v3::Metadata;
use carrick_xds::pb::envoy::r#type::v3::FractionalPercent;
use carrick_xds::pb::envoy::r#type::v3::fractional_percent::DenominatorType;
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

/// A share of requests in millionths; nothing is none of them, as in protobuf.
pub(crate) fn share(pb: Option<&FractionalPercent>) -> Result<u64, FieldError> {
    let Some(pb) = pb else { return Ok(0) };
    let scale = match DenominatorType::try_from(pb.denominator) {
        Ok(DenominatorType::Hundred) => 10_000,
        Ok(DenominatorType::TenThousand) => 100,
        Ok(DenominatorType::Million) => 1,
        Err(_) => return Err(FieldError::new("denominator", format!("unknown value {}", pb.denominator))),
    };
    Ok(u64::from(pb.numerator) * scale)
}

/// `filter_metadata["istio"]["config"]`: the path of the resource that made the object that carries this metadata.
pub(crate) fn rule(metadata: Option<&Metadata>) -> Option<String> {
    let config = metadata?.filter_metadata.get("istio")?.fields.get("config")?;
    match config.kind.as_ref()? {
        Kind::StringValue(path) => Some(path.clone()),
        _ => None,
    }
}
