//! What showing a message needs beyond the library: a bound on how deep `Any`s are packed into one
//! another, and one order for maps.

use prost_reflect::{DynamicMessage, Kind, MapKey, MessageDescriptor, ReflectMessage, Value as Field};
use serde_json::Value;

/// Protobuf decoders stop at this depth; but each `Any` starts a new decoder, so a megabyte of them
/// would overflow the stack.
pub(super) const MAX_DEPTH: usize = 100;

pub(super) fn is_shallow(message: &DynamicMessage) -> bool {
    fits(message, MAX_DEPTH)
}

fn fits(message: &DynamicMessage, levels: usize) -> bool {
    let Some(levels) = levels.checked_sub(1) else { return false };
    if let Some(inner) = packed(message) {
        return fits(&inner, levels);
    }
    message.fields().all(|(_, value)| value_fits(value, levels))
}

fn value_fits(value: &Field, levels: usize) -> bool {
    match value {
        Field::Message(message) => fits(message, levels),
        Field::List(items) => items.iter().all(|item| value_fits(item, levels)),
        Field::Map(entries) => entries.iter().all(|(_, value): (&MapKey, &Field)| value_fits(value, levels)),
        _ => true,
    }
}

/// The message inside of an `Any`; what cannot be unfolded is for the serializer to refuse.
fn packed(message: &DynamicMessage) -> Option<DynamicMessage> {
    if message.descriptor().full_name() != "google.protobuf.Any" {
        return None;
    }
    let any: prost_types::Any = message.transcode_to().ok()?;
    let name = any.type_url.rsplit('/').next()?;
    let descriptor = message.descriptor().parent_pool().get_message_by_name(name)?;
    DynamicMessage::decode(descriptor, any.value.as_slice()).ok()
}

/// The library keeps maps in hash order, which differs from run to run.
pub(super) fn sort_maps(value: &mut Value, message: &MessageDescriptor) {
    match (message.full_name(), value) {
        ("google.protobuf.Any", Value::Object(object)) => {
            let Some(Value::String(url)) = object.get("@type") else { return };
            let name = url.rsplit('/').next().unwrap_or(url);
            let Some(inner) = message.parent_pool().get_message_by_name(name) else { return };
            if inner.parent_file().package_name() == "google.protobuf" {
                object.values_mut().for_each(|value| sort_maps(value, &inner));
            } else {
                sort_fields(object, &inner);
            }
        }
        ("google.protobuf.Struct" | "google.protobuf.Value" | "google.protobuf.ListValue", value) => {
            value.sort_all_objects();
        }
        (_, Value::Object(object)) => sort_fields(object, message),
        _ => {}
    }
}

fn sort_fields(object: &mut serde_json::Map<String, Value>, message: &MessageDescriptor) {
    for (name, value) in object {
        let Some(field) = message.get_field_by_name(name) else { continue };
        let Kind::Message(inner) = field.kind() else { continue };
        match value {
            Value::Object(entries) if field.is_map() => {
                entries.sort_keys();
                if let Kind::Message(inner) = inner.map_entry_value_field().kind() {
                    entries.values_mut().for_each(|value| sort_maps(value, &inner));
                }
            }
            Value::Array(items) if field.is_list() => {
                items.iter_mut().for_each(|item| sort_maps(item, &inner))
            }
            value => sort_maps(value, &inner),
        }
    }
}
