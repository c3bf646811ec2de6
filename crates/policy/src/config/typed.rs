//! Messages inside `google.protobuf.Any`: extensions, and resources as they travel.
//!
//! It must not know which extensions there are.

use carrick_xds::FieldError;
use prost::{Message, Name};
use prost_types::Any;

/// The full name of the message in an `Any`.
pub fn type_name(any: &Any) -> &str {
    any.type_url.rsplit('/').next().unwrap_or_default()
}

/// The message in an `Any` that must hold one of this type.
///
/// # Errors
/// It holds another type, or its bytes are no such message.
pub fn decode<M: Message + Name + Default>(any: &Any) -> Result<M, FieldError> {
    let not_this = || FieldError::new("", format!("{} is not implemented here", type_name(any)));
    decode_if(any)?.ok_or_else(not_this)
}

/// The message, if the `Any` holds one of that type.
///
/// # Errors
/// It says that it does, but its bytes are no such message.
pub fn decode_if<M: Message + Name + Default>(any: &Any) -> Result<Option<M>, FieldError> {
    if type_name(any) != M::full_name() {
        return Ok(None);
    }
    let decoded = M::decode(any.value.as_slice());
    decoded.map(Some).map_err(|error| FieldError::new("", format!("not a valid {}: {error}", M::full_name())))
}
