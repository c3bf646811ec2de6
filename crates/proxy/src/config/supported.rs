//! Which fields of which messages this proxy takes: obeyed, or without effect on what it does. Any other field that is set is refused.
//!
//! Only names; what a field may hold is for the conversions to judge. Messages below an HTTP connection manager, a route
//! configuration or an access log are judged by their own conversions.

mod table;

use carrick_xds::FieldError;
use carrick_xds::json::descriptors;
use prost_reflect::{DynamicMessage, FieldDescriptor, ReflectMessage, Value};
use prost_types::Any;

use table::TABLE;

/// The row of one message.
struct Row {
    message: &'static str,
    /// Fields that the conversions read, separated by spaces.
    obeyed: &'static str,
    /// Fields that change nothing here: names of statistics, hints on memory and timing, and limits of things that we do not do.
    without_effect: &'static str,
}

impl Row {
    fn obeys(&self, field: &str) -> bool {
        self.obeyed.split(' ').any(|name| name == field)
    }

    fn ignores(&self, field: &str) -> bool {
        self.without_effect.split(' ').any(|name| name == field)
    }
}

/// Refuses `message` if it, or any message in it, sets a field that this proxy does not implement, or one that it does not know.
pub(crate) fn check(message: &Any) -> Result<(), FieldError> {
    let type_name = type_name(message);
    let not_ours = || FieldError::new("", format!("{type_name} is not implemented"));
    let descriptor = descriptors().get_message_by_name(type_name).ok_or_else(not_ours)?;
    let message = DynamicMessage::decode(descriptor, message.value.as_slice())
        .map_err(|error| FieldError::new("", format!("not a valid {type_name}: {error}")))?;
    check_message(&message)
}

/// The full name of the message in an `Any`.
pub(crate) fn type_name(message: &Any) -> &str {
    message.type_url.rsplit('/').next().unwrap_or_default()
}

fn check_message(message: &DynamicMessage) -> Result<(), FieldError> {
    let descriptor = message.descriptor();
    let name = descriptor.full_name();
    if name == "google.protobuf.Any" {
        return match message.transcode_to::<Any>() {
            Ok(inner) => check(&inner),
            Err(error) => Err(FieldError::new("", error.to_string())),
        };
    }
    if name.starts_with("google.protobuf.") {
        return Ok(());
    }
    let Some(row) = TABLE.iter().find(|row| row.message == name) else {
        return Err(FieldError::new("", format!("{name} is not implemented")));
    };
    if row.obeyed == "*" {
        return Ok(());
    }
    if let Some(unknown) = message.unknown_fields().next() {
        let number = unknown.number();
        return Err(FieldError::new(
            "",
            format!("{name} has no field number {number} that this proxy knows"),
        ));
    }
    for (field, value) in message.fields() {
        if row.obeys(field.name()) {
            check_value(&field, value).map_err(|error| error.within(field.name()))?;
        } else if !row.ignores(field.name()) {
            return Err(FieldError::new(field.name(), "is not implemented"));
        }
    }
    Ok(())
}

fn check_value(field: &FieldDescriptor, value: &Value) -> Result<(), FieldError> {
    match value {
        Value::Message(message) => check_message(message),
        Value::List(items) if field.kind().as_message().is_some() => {
            for (n, item) in items.iter().enumerate() {
                check_value(field, item).map_err(|error| error.within(format!("[{n}]")))?;
            }
            Ok(())
        }
        Value::Map(entries) => {
            for (key, item) in entries {
                let key = key.as_str().unwrap_or_default();
                check_value(field, item).map_err(|error| error.within(format!("[{key:?}]")))?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
