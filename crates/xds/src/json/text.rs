//! From YAML or JSON text to a JSON value, remembering where everything stood, within bounds.
//!
//! It must not know messages.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::{Options, Spanned};

use super::fault::Step;
use super::{JsonError, Place};

/// A message, a list or a map is one level each. Real bootstraps have about 25; protobuf itself
/// reads 100 messages deep.
const MAX_DEPTH: usize = 100;
/// A bootstrap with ten thousand static clusters has about half of this.
const MAX_NODES: usize = 1_000_000;
const MAX_SCALAR_BYTES: usize = 32 * 1024 * 1024;
const MAX_ALIASES: usize = 1_000;
const MAX_REPLAYED: usize = 100_000;

pub(super) fn read(text: &str) -> Result<Node, JsonError> {
    let spanned: Spanned<Node> = serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
        let place = error.location().map(|at| Place { line: at.line(), column: at.column() });
        JsonError::Syntax { place, reason: format!("not YAML or JSON: {}", reason(&error)) }
    })?;
    Ok(spanned.value)
}

fn options() -> Options {
    let mut options = serde_saphyr::options! {
        emit_comments: false,
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: 2 * MAX_NODES,
            max_total_scalar_bytes: MAX_SCALAR_BYTES,
            max_aliases: MAX_ALIASES,
            max_anchors: MAX_ALIASES,
            max_documents: 1,
        },
    };
    options.alias_limits.max_total_replayed_events = MAX_REPLAYED;
    options
}

/// The library's words on one line, without the place.
fn reason(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let line = text.lines().next().unwrap_or_default();
    let end = line.find(" at line ").unwrap_or(line.len());
    line[..end].trim_start_matches("error: ").trim_end_matches([':', ' ']).to_owned()
}

/// A value whose parts know where they stand.
#[derive(Debug)]
pub(super) enum Node {
    Scalar(Value),
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl Node {
    pub fn to_json(&self) -> Value {
        match self {
            Self::Scalar(value) => value.clone(),
            Self::List(items) => items.iter().map(|item| item.value.to_json()).collect(),
            Self::Map(entries) => {
                entries.iter().map(|(key, value)| (key.value.clone(), value.value.to_json())).collect()
            }
        }
    }

    /// Where the thing at the end of the path is, or else what is nearest to it.
    pub fn place_of(&self, steps: &[Step]) -> Option<Place> {
        let mut node = self;
        let mut place = None;
        for step in steps {
            let (found, at) = match (node, step) {
                (Self::List(items), Step::Index(index)) => {
                    let item = items.get(*index)?;
                    (&item.value, item.referenced)
                }
                (Self::Map(entries), Step::Field(name) | Step::Key(name)) => {
                    let Some((key, value)) = entries.iter().find(|(key, _)| key.value == *name) else {
                        break;
                    };
                    (&value.value, key.referenced)
                }
                _ => break,
            };
            node = found;
            place = Some(Place { line: at.line(), column: at.column() });
        }
        place
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        let number =
            serde_json::Number::from_f64(value).ok_or_else(|| E::custom("a number is not finite"))?;
        Ok(Node::Scalar(number.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }
}
