//! Finds out which field makes a JSON value unreadable as a message.
//!
//! The reader of JSON messages says what is wrong, but loses the path inside of `Any`. So when it
//! has failed, each field is tried alone, and the one that fails is looked into, level by level.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value};

use crate::FieldError;

/// One step from a message to something in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Field(String),
    Index(usize),
    Key(String),
}

/// What is wrong, and the way there from the outermost message.
#[derive(Debug)]
pub(super) struct Fault {
    steps: Vec<Step>,
    reason: String,
}

impl Fault {
    pub fn new(reason: impl Into<String>) -> Self {
        Self { steps: Vec::new(), reason: reason.into() }
    }

    fn within(mut self, outer: impl IntoIterator<Item = Step>) -> Self {
        self.steps.splice(..0, outer);
        self
    }

    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub fn into_field_error(self) -> FieldError {
        self.steps.iter().rev().fold(FieldError::new("", self.reason), |error, step| match step {
            Step::Field(name) => error.within(name),
            Step::Index(index) => error.within(format_args!("[{index}]")),
            Step::Key(key) => error.within(format_args!("[{key:?}]")),
        })
    }
}

/// `error` is what reading the whole value gave.
pub(super) fn find(value: &Value, message: &MessageDescriptor, error: impl ToString) -> Fault {
    let reason = error.to_string();
    if message.full_name() == "google.protobuf.Any" {
        return in_any(value, reason);
    }
    if message.full_name() == "google.protobuf.Duration" {
        return Fault::new(format!("{reason}; expected seconds such as 0.250s"));
    }
    if message.parent_file().package_name() == "google.protobuf" {
        return Fault::new(reason);
    }
    let Value::Object(object) = value else {
        return Fault::new(format!("expected fields of {}, found {}", message.name(), kind_of(value)));
    };
    let faulty = object.iter().filter(|(_, value)| !value.is_null()).find_map(|(name, value)| {
        let outer = Step::Field(name.clone());
        let Some(field) = message.get_field_by_json_name(name).or_else(|| message.get_field_by_name(name))
        else {
            return Some(Fault::new(unknown_field(message, name)).within([outer]));
        };
        let error = try_alone(message, name, value.clone())?;
        Some(in_field(message, &field, name, value, error).within([outer]))
    });
    // No field alone is to blame: two of one oneof, or one field under both of its names.
    faulty.unwrap_or_else(|| Fault::new(reason))
}

fn in_field(
    message: &MessageDescriptor,
    field: &FieldDescriptor,
    name: &str,
    value: &Value,
    error: String,
) -> Fault {
    if field.is_map() {
        let Value::Object(entries) = value else {
            return Fault::new(format!("expected a map, found {}", kind_of(value)));
        };
        let Kind::Message(entry) = field.kind() else { return Fault::new(error) };
        let inner = entry.map_entry_value_field();
        return first(error, entries, |(key, value)| {
            let one = Map::from_iter([(key.clone(), value.clone())]);
            let error = try_alone(message, name, one.into())?;
            Some(in_element(&inner, value, error).within([Step::Key(key.clone())]))
        });
    }
    if field.is_list() {
        let Value::Array(items) = value else {
            return Fault::new(format!("expected a list, found {}", kind_of(value)));
        };
        return first(error, items.iter().enumerate(), |(index, value)| {
            let error = try_alone(message, name, vec![value.clone()].into())?;
            Some(in_element(field, value, error).within([Step::Index(index)]))
        });
    }
    in_element(field, value, error)
}

fn in_element(field: &FieldDescriptor, value: &Value, error: String) -> Fault {
    match (field.kind(), value) {
        (Kind::Message(inner), _) => find(value, &inner, error),
        (Kind::Enum(choices), Value::String(_)) => {
            let known: Vec<String> = choices.values().map(|choice| choice.name().to_owned()).collect();
            Fault::new(format!("{error}; expected one of {}", known.join(", ")))
        }
        _ => Fault::new(error),
    }
}

fn first<T>(
    error: String,
    items: impl IntoIterator<Item = T>,
    fault: impl FnMut(T) -> Option<Fault>,
) -> Fault {
    items.into_iter().find_map(fault).unwrap_or_else(|| Fault::new(error))
}

fn in_any(value: &Value, error: String) -> Fault {
    let Value::Object(object) = value else {
        return Fault::new(format!("expected an object with @type, found {}", kind_of(value)));
    };
    let at_type = || [Step::Field("@type".into())];
    let Some(Value::String(url)) = object.get("@type") else {
        return Fault::new("is missing: it says which message this is").within(at_type());
    };
    let name = url.rsplit('/').next().unwrap_or(url);
    let Some(inner) = super::descriptors().get_message_by_name(name) else {
        return Fault::new(format!("{name:?} is not a message that Carrick knows")).within(at_type());
    };
    if !url.contains('/') {
        return Fault::new(format!("expected type.googleapis.com/{name}")).within(at_type());
    }
    if inner.parent_file().package_name() == "google.protobuf" {
        return Fault::new(error);
    }
    let mut fields = object.clone();
    fields.shift_remove("@type");
    find(&fields.into(), &inner, error)
}

/// What goes wrong when a message has only this field.
fn try_alone(message: &MessageDescriptor, name: &str, value: Value) -> Option<String> {
    let alone = Value::Object(Map::from_iter([(name.to_owned(), value)]));
    DynamicMessage::deserialize(message.clone(), &alone).err().map(|error| error.to_string())
}

fn unknown_field(message: &MessageDescriptor, name: &str) -> String {
    let known: Vec<String> = message.fields().map(|field| field.name().to_owned()).collect();
    let nearest = known.iter().map(|known| (distance(known, name), known)).min();
    let mend = match nearest {
        Some((distance, nearest)) if distance <= 1 + name.chars().count() / 4 => {
            format!("did you mean {nearest}?")
        }
        _ if known.is_empty() => "it has no fields".to_owned(),
        _ if known.len() <= 12 => format!("it has {}", known.join(", ")),
        _ => format!("see Envoy's documentation of {}", message.full_name()),
    };
    format!("{} has no such field; {mend}", message.name())
}

/// How many letters have to be changed, added or dropped (Levenshtein). Of a name longer than any
/// field's only the beginning counts.
fn distance(known: &str, name: &str) -> usize {
    let name: Vec<char> = name.chars().take(100).collect();
    let mut row: Vec<usize> = (0..=name.len()).collect();
    for (i, a) in known.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in name.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[name.len()]
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
