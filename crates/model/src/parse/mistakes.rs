//! What can be wrong when a tree does not fit a type, in an operator's words.

use std::fmt;

use serde::de;

use super::suggest;
use crate::diagnostic::codes;
use crate::source::{Node, Value};

/// A value that does not fit its type. Placed at the innermost node that was being read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mistake {
    pub code: &'static str,
    pub reason: String,
    pub help: String,
    pub place: Option<Place>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub line: u32,
    pub column: u32,
    /// Steps from the root of what is decoded.
    pub path: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

/// `a.b[0]["x.y"]`, the notation of field paths.
pub(crate) fn path_text(prefix: &str, steps: &[Step]) -> String {
    let mut text = prefix.to_owned();
    for step in steps {
        match step {
            Step::Index(index) => text.push_str(&format!("[{index}]")),
            Step::Key(key) if key.contains(['.', '[', '/']) => text.push_str(&format!("[\"{key}\"]")),
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.push_str(&format!(".{key}")),
        }
    }
    text
}

impl Mistake {
    fn new(code: &'static str, reason: String, help: String) -> Mistake {
        Mistake { code, reason, help, place: None }
    }

    /// The node is of another type than `wanted`.
    pub(super) fn wrong_type(node: &Node, wanted: &str) -> Mistake {
        let wanted = plain(wanted);
        let help = match &node.value {
            Value::Unsigned(_) | Value::Signed(_) | Value::Float(_) | Value::Bool(_) if wanted == "text" => {
                "put it in quotes".to_owned()
            }
            Value::String(text) if wanted.contains("number") && text.parse::<f64>().is_ok() => {
                "remove the quotes".to_owned()
            }
            Value::String(_) | Value::Map(_) if wanted == "a list" => "begin each item with `- `".to_owned(),
            _ => format!("write {wanted}"),
        };
        Mistake::new(codes::WRONG_TYPE, format!("expected {wanted}, found {}", node.kind()), help)
    }
}

/// serde's words for types in plain words.
fn plain(expected: &str) -> String {
    match expected {
        "a string" | "string" => "text".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "u8" => "a number from 0 to 255".to_owned(),
        "u16" => "a number from 0 to 65535".to_owned(),
        "u32" => "a number from 0 to 4294967295".to_owned(),
        "u64" => "a whole number".to_owned(),
        "f64" => "a number".to_owned(),
        text if text.starts_with("struct ") => "a map".to_owned(),
        text => text.to_owned(),
    }
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// The help for a word that is none of `allowed`.
pub(crate) fn help_for_word(word: &str, allowed: &[&str]) -> String {
    match suggest::nearest(word, allowed) {
        Some(near) => format!("did you mean `{near}`?"),
        None if allowed.is_empty() => "remove it".to_owned(),
        None if allowed.len() > 12 => "remove it".to_owned(),
        None => format!("use one of {}", quoted(allowed)),
    }
}

impl de::Error for Mistake {
    fn custom<T: fmt::Display>(text: T) -> Mistake {
        Mistake::new(codes::BAD_FORM, text.to_string(), String::new())
    }

    fn invalid_type(_: de::Unexpected<'_>, wanted: &dyn de::Expected) -> Mistake {
        // Placed, and so worded with what was found, by the decoder that knows the node.
        Mistake::new(codes::WRONG_TYPE, wanted.to_string(), String::new())
    }

    fn invalid_value(found: de::Unexpected<'_>, wanted: &dyn de::Expected) -> Mistake {
        let wanted = plain(&wanted.to_string());
        let (code, found) = match found {
            de::Unexpected::Unsigned(number) => (codes::OUT_OF_RANGE, number.to_string()),
            de::Unexpected::Signed(number) => (codes::OUT_OF_RANGE, number.to_string()),
            de::Unexpected::Str(text) => (codes::BAD_FORM, format!("`{text}`")),
            other => (codes::BAD_FORM, other.to_string()),
        };
        let verb = if code == codes::OUT_OF_RANGE { "is out of range" } else { "is not allowed here" };
        Mistake::new(code, format!("{found} {verb}"), format!("write {wanted}"))
    }

    fn unknown_variant(word: &str, allowed: &'static [&'static str]) -> Mistake {
        let reason = format!("`{word}` is none of the allowed values");
        Mistake::new(codes::UNKNOWN_VALUE, reason, help_for_word(word, allowed))
    }

    fn unknown_field(word: &str, allowed: &'static [&'static str]) -> Mistake {
        Mistake::new(
            codes::UNKNOWN_FIELD,
            format!("there is no field `{word}` here"),
            help_for_word(word, allowed),
        )
    }

    fn missing_field(field: &'static str) -> Mistake {
        Mistake::new(
            codes::MISSING_FIELD,
            format!("the field `{field}` is missing"),
            format!("add `{field}`"),
        )
    }

    fn duplicate_field(field: &'static str) -> Mistake {
        let reason = format!("the field `{field}` is given twice, in two spellings");
        Mistake::new(codes::REPEATED, reason, "keep one of them".to_owned())
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Mistake {}
