//! From xDS messages to what this proxy runs, or a refusal that names the field.
//!
//! Pure: nothing here opens a socket or knows what is in use. Every conversion takes its message
//! apart with all fields named: each is obeyed, has no effect here, or is refused ([`refuse`]).
//! Fields that have no name here are found by their numbers ([`unknown`]).

pub mod address;
pub mod cluster;
pub mod endpoint;
pub mod refuse;
pub mod socket;
pub mod source;
pub mod tls;
pub mod typed;
pub mod unknown;

use std::time::Duration;

use carrick_xds::FieldError;
use carrick_xds::pb::envoy::config::core::v3::Metadata;
use carrick_xds::pb::envoy::r#type::v3::fractional_percent::DenominatorType;
use carrick_xds::pb::envoy::r#type::v3::{FractionalPercent, Percent};
use prost::{Message, Name};
use prost_types::Any;
use prost_types::value::Kind;

/// A resource as it came, decoded. This is the one place where that is done.
///
/// # Errors
/// It is of another type, or has a field anywhere that this proxy has no description of.
pub fn resource<M: Message + Name + Default>(body: &Any) -> Result<M, FieldError> {
    let message = typed::decode(body)?;
    unknown::check(body)?;
    Ok(message)
}

/// A protobuf duration, or `default` where none is given.
pub fn duration(
    pb: Option<&prost_types::Duration>,
    field: &str,
    default: Duration,
) -> Result<Duration, FieldError> {
    Ok(optional_duration(pb, field)?.unwrap_or(default))
}

pub fn optional_duration(
    pb: Option<&prost_types::Duration>,
    field: &str,
) -> Result<Option<Duration>, FieldError> {
    pb.map(|pb| Duration::try_from(*pb).map_err(|_negative| FieldError::new(field, "must not be negative")))
        .transpose()
}

/// A share of requests in millionths; nothing is none of them, as in protobuf.
pub fn share(pb: Option<&FractionalPercent>) -> Result<u64, FieldError> {
    let Some(FractionalPercent { numerator, denominator }) = pb else { return Ok(0) };
    let scale = match DenominatorType::try_from(*denominator) {
        Ok(DenominatorType::Hundred) => 10_000,
        Ok(DenominatorType::TenThousand) => 100,
        Ok(DenominatorType::Million) => 1,
        Err(_) => return Err(FieldError::new("denominator", format!("unknown value {denominator}"))),
    };
    Ok(u64::from(*numerator) * scale)
}

/// A percentage, which Envoy lets be from 0 to 100 only (`validate.rules` of
/// `envoy/type/v3/percent.proto`).
pub fn percent(pb: Option<&Percent>, field: &str, default: f64) -> Result<f64, FieldError> {
    match pb {
        None => Ok(default),
        Some(Percent { value }) if (0.0..=100.0).contains(value) => Ok(*value),
        Some(_) => Err(FieldError::new(field, "must be in 0 to 100")),
    }
}

/// `filter_metadata["istio"]["config"]`: the path of the resource that made the object that carries
/// this metadata.
pub fn rule(metadata: Option<&Metadata>) -> Option<String> {
    let config = metadata?.filter_metadata.get("istio")?.fields.get("config")?;
    match config.kind.as_ref()? {
        Kind::StringValue(path) => Some(path.clone()),
        _ => None,
    }
}
