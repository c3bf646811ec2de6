//! Any xDS message as JSON or YAML: Envoy's bootstrap files, configuration dumps, golden tests.
//!
//! It must not know which messages exist; the descriptor set that `build.rs` kept tells it.

mod fault;
mod stack;
mod text;
mod unfold;

use std::fmt;
use std::sync::LazyLock;

use prost::{Message, Name};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;

use crate::FieldError;

/// A place in a text; both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: u64,
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A message could not be read from, or shown as, JSON. The text starts with the place, if it is
/// known, so that a file name and a colon can be put in front.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The text is neither YAML nor JSON, or is larger or deeper than any honest one.
    #[error("{}{reason}", prefix(.place))]
    Syntax { place: Option<Place>, reason: String },
    /// A field has no meaning in this message, or its value has none.
    #[error("{}not a valid {message}: {error}", prefix(.place))]
    Content { place: Option<Place>, message: String, error: FieldError },
    #[error("unknown message type {0}: Carrick carries no description of it")]
    UnknownType(String),
    /// Messages packed into messages, deeper than Envoy would read them.
    #[error("{message} is nested more than {} levels deep", unfold::MAX_DEPTH)]
    TooDeep { message: String },
    /// The machine has no thread to spare for the work.
    #[error("cannot start a thread to read or show a message on: {reason}")]
    NoThread { reason: String },
}

fn prefix(place: &Option<Place>) -> String {
    place.map(|place| format!("{place}: ")).unwrap_or_default()
}

/// Descriptions of every message that Carrick knows.
pub fn descriptors() -> &'static DescriptorPool {
    static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
        DescriptorPool::decode(include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin")).as_slice())
            .expect("the descriptor set was written by our own build script")
    });
    &POOL
}

/// Reads a message from YAML or JSON text (JSON is YAML), by protobuf's JSON rules: both
/// `lowerCamel` and original field names, `@type` for `Any`. A field that does not exist is an
/// error that says where it is.
pub fn from_yaml<M: Message + Name + Default>(text: &str) -> Result<M, JsonError> {
    stack::with_room(|| {
        let document = text::read(text)?;
        read(&document.to_json(), |steps| document.place_of(steps))
    })
}

/// Reads a message from a JSON value, by the same rules as [`from_yaml`].
pub fn from_json<M: Message + Name + Default>(value: Value) -> Result<M, JsonError> {
    stack::with_room(|| read(&value, |_| None))
}

fn read<M: Message + Name + Default>(
    value: &Value,
    place_of: impl Fn(&[fault::Step]) -> Option<Place>,
) -> Result<M, JsonError> {
    let descriptor = descriptor_of::<M>()?;
    let error = match DynamicMessage::deserialize(descriptor.clone(), value) {
        Ok(dynamic) => match dynamic.transcode_to() {
            Ok(message) => return Ok(message),
            // Only nesting is left to go wrong; the library's text repeats every level of it.
            Err(error) => fault::Fault::new(
                error.to_string().rsplit(": ").next().unwrap_or("nested too deep").to_owned(),
            ),
        },
        Err(error) => fault::find(value, &descriptor, error),
    };
    Err(JsonError::Content {
        place: place_of(error.steps()),
        message: M::NAME.into(),
        error: error.into_field_error(),
    })
}

/// Shows a message as JSON in Envoy's style: original field names, default values left out, `Any`
/// unfolded. Equal messages give equal JSON, entries of maps in the order of their keys.
pub fn to_json<M: Message + Name>(message: &M) -> Result<Value, JsonError> {
    stack::with_room(|| show(message))
}

fn show<M: Message + Name>(message: &M) -> Result<Value, JsonError> {
    let descriptor = descriptor_of::<M>()?;
    let content = |reason: String| JsonError::Content {
        place: None,
        message: M::NAME.into(),
        error: FieldError::new("", reason),
    };
    let mut dynamic = DynamicMessage::new(descriptor.clone());
    dynamic.transcode_from(message).map_err(|error| content(error.to_string()))?;
    if !unfold::is_shallow(&dynamic) {
        return Err(JsonError::TooDeep { message: M::NAME.into() });
    }
    let options = SerializeOptions::new().use_proto_field_name(true).skip_default_fields(true);
    let mut value = dynamic
        .serialize_with_options(serde_json::value::Serializer, &options)
        .map_err(|error| content(error.to_string()))?;
    unfold::sort_maps(&mut value, &descriptor);
    Ok(value)
}

fn descriptor_of<M: Name>() -> Result<MessageDescriptor, JsonError> {
    descriptors().get_message_by_name(&M::full_name()).ok_or_else(|| JsonError::UnknownType(M::full_name()))
}

#[cfg(test)]
mod tests;
