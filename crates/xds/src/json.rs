//! Any xDS message as JSON or YAML: Envoy's bootstrap files, configuration dumps, golden tests.
//!
//! It must not know which messages exist; the descriptor set that `build.rs` kept tells it.

use std::sync::LazyLock;

use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};

/// A message could not be read from, or shown as, JSON.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    #[error("not YAML or JSON: {0}")]
    Syntax(String),
    #[error("not a valid {message}: {reason}")]
    Content { message: String, reason: String },
    #[error("unknown message type {0}: Carrick carries no description of it")]
    UnknownType(String),
}

/// Descriptions of every message that Carrick knows.
pub fn descriptors() -> &'static DescriptorPool {
    static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
        DescriptorPool::decode(include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin")).as_slice())
            .expect("the descriptor set was written by our own build script")
    });
    &POOL
}

/// Reads a message from YAML or JSON text (JSON is YAML), by protobuf's JSON rules: both `lowerCamel` and original field names,
/// `@type` for `Any`. Unknown fields are an error that names the field.
pub fn from_yaml<M: Message + Name + Default>(text: &str) -> Result<M, JsonError> {
    let value: serde_json::Value =
        serde_saphyr::from_str(text).map_err(|error| JsonError::Syntax(error.to_string()))?;
    from_json(value)
}

/// Reads a message from a JSON value, by the same rules as [`from_yaml`].
pub fn from_json<M: Message + Name + Default>(value: serde_json::Value) -> Result<M, JsonError> {
    let descriptor = descriptors()
        .get_message_by_name(&M::full_name())
        .ok_or_else(|| JsonError::UnknownType(M::full_name()))?;
    let content = |reason: String| JsonError::Content { message: M::NAME.into(), reason };
    let mut track = serde_path_to_error::Track::new();
    let reader = serde_path_to_error::Deserializer::new(value, &mut track);
    let dynamic = match DynamicMessage::deserialize(descriptor, reader) {
        Ok(dynamic) => dynamic,
        Err(error) => return Err(content(format!("at {}: {error}", track.path()))),
    };
    dynamic.transcode_to().map_err(|error| content(error.to_string()))
}

/// Shows a message as JSON in Envoy's style: original field names, default values left out, `Any` unfolded.
pub fn to_json<M: Message + Name>(message: &M) -> Result<serde_json::Value, JsonError> {
    let descriptor = descriptors()
        .get_message_by_name(&M::full_name())
        .ok_or_else(|| JsonError::UnknownType(M::full_name()))?;
    let mut dynamic = DynamicMessage::new(descriptor);
    dynamic
        .transcode_from(message)
        .map_err(|error| JsonError::Content { message: M::NAME.into(), reason: error.to_string() })?;
    let options = SerializeOptions::new().use_proto_field_name(true).skip_default_fields(true);
    dynamic
        .serialize_with_options(serde_json::value::Serializer, &options)
        .map_err(|error| JsonError::Content { message: M::NAME.into(), reason: error.to_string() })
}
