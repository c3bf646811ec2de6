//! Fields with numbers that this proxy has no description of: what a newer API says is refused, not
//! passed over.
//!
//! prost drops such fields without a word, so the bytes themselves are looked through, tag by tag,
//! along the descriptors. Nothing is decoded or copied for it. It must not know what any field
//! means.

use std::collections::BTreeMap;

use carrick_xds::FieldError;
use carrick_xds::json::descriptors;
use prost::DecodeError;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost_reflect::MessageDescriptor;
use prost_types::Any;

use super::typed::type_name;

/// As deep as prost decodes.
const DEEPEST: usize = 100;

/// Refuses `message` if it, or any message in it, has a field of a number that its description has
/// not.
///
/// # Errors
/// The place of the first such field.
pub fn check(message: &Any) -> Result<(), FieldError> {
    check_any(type_name(message), &message.value, 0)
}

/// An extension of a type that is not known is for its user to refuse.
fn check_any(name: &str, bytes: &[u8], depth: usize) -> Result<(), FieldError> {
    descriptors().get_message_by_name(name).map_or(Ok(()), |message| check_message(&message, bytes, depth))
}

fn check_message(message: &MessageDescriptor, bytes: &[u8], depth: usize) -> Result<(), FieldError> {
    let name = message.full_name();
    let broken = |error: DecodeError| FieldError::new("", format!("not a valid {name}: {error}"));
    if depth > DEEPEST {
        return Err(FieldError::new("", "is nested too deeply"));
    }
    if name == "google.protobuf.Any" {
        let url = String::from_utf8_lossy(last(bytes, 1).map_err(broken)?);
        let type_name = url.rsplit('/').next().unwrap_or_default();
        return check_any(type_name, last(bytes, 2).map_err(broken)?, depth + 1);
    }
    let mut items = BTreeMap::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (number, value) = next(&mut rest).map_err(broken)?;
        let Some(field) = message.get_field(number) else {
            let reason = format!("{name} has no field number {number} that this proxy knows");
            return Err(FieldError::new("", reason));
        };
        let (kind, Some(value)) = (field.kind(), value) else { continue };
        let Some(inner) = kind.as_message() else { continue };
        let n = items.entry(number).or_insert(0);
        check_message(inner, value, depth + 1).map_err(|error| match (field.is_map(), field.is_list()) {
            (true, _) => error.within(map_key(value)).within(field.name()),
            (_, true) => error.within(format!("[{n}]")).within(field.name()),
            _ if message.is_map_entry() => error,
            _ => error.within(field.name()),
        })?;
        *n += 1;
    }
    Ok(())
}

/// Takes a field off the front: its number and, where its value has a length, the value. One that
/// is longer than what there is ends with it; that is for the decoder to refuse.
fn next<'a>(bytes: &mut &'a [u8]) -> Result<(u32, Option<&'a [u8]>), DecodeError> {
    let (number, kind) = decode_key(bytes)?;
    if kind != WireType::LengthDelimited {
        skip_field(kind, number, bytes, DecodeContext::default())?;
        return Ok((number, None));
    }
    let length = usize::try_from(decode_varint(bytes)?).unwrap_or(usize::MAX);
    let (value, rest) = bytes.split_at(length.min(bytes.len()));
    *bytes = rest;
    Ok((number, Some(value)))
}

/// The value of a field that is a text or bytes: the last one counts.
fn last(mut bytes: &[u8], wanted: u32) -> Result<&[u8], DecodeError> {
    let mut found = &[][..];
    while !bytes.is_empty() {
        if let (number, Some(value)) = next(&mut bytes)?
            && number == wanted
        {
            found = value;
        }
    }
    Ok(found)
}

/// An entry of a map has its key first. Keys that are no texts have no name here.
fn map_key(entry: &[u8]) -> String {
    format!("[{:?}]", String::from_utf8_lossy(last(entry, 1).unwrap_or_default()))
}

#[cfg(test)]
mod tests;
