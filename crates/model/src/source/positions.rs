//! From a field path back to its place in the text.

use std::fmt;
use std::sync::Arc;

use super::node::{Node, Value};

/// The places of a document's fields. Two resources that differ only in where they stand are equal.
#[derive(Clone, Default)]
pub struct Positions(Option<Arc<Node>>);

impl Positions {
    pub(crate) fn in_document(document: Arc<Node>) -> Positions {
        Positions(Some(document))
    }

    /// Line and column of the field at `path` (`spec.http[0].match`), or of the nearest enclosing
    /// field that was written. A map's entry is its key's place where the path ends in it and it
    /// holds a block.
    pub fn nearest(&self, path: &str) -> Option<(u32, u32)> {
        let mut node: &Node = self.0.as_deref()?;
        let mut place = (node.line, node.column);
        for step in steps(path) {
            let next = match &node.value {
                Value::Map(entries) => entries.iter().find(|entry| entry.key == step).map(|entry| {
                    let is_block =
                        matches!(entry.value.value, Value::Map(_) | Value::Sequence(_) | Value::Null);
                    let of_key = (entry.line, entry.column);
                    (&entry.value, if is_block { of_key } else { (entry.value.line, entry.value.column) })
                }),
                Value::Sequence(items) => step
                    .parse::<usize>()
                    .ok()
                    .and_then(|i| items.get(i))
                    .map(|item| (item, (item.line, item.column))),
                _ => None,
            };
            let Some((child, at)) = next else { break };
            (node, place) = (child, at);
        }
        Some(place)
    }
}

/// Splits `spec.http[0].headers["x.y"]` into its keys and indices.
fn steps(path: &str) -> Vec<&str> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix("[\"") {
            let end = quoted.find("\"]").unwrap_or(quoted.len());
            steps.push(&quoted[..end]);
            rest = quoted.get(end + 2..).unwrap_or("");
        } else if let Some(index) = rest.strip_prefix('[') {
            let end = index.find(']').unwrap_or(index.len());
            steps.push(&index[..end]);
            rest = index.get(end + 1..).unwrap_or("");
        } else {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            if end == 0 && rest.starts_with('.') {
                rest = &rest[1..];
                continue;
            }
            if end > 0 {
                steps.push(&rest[..end]);
            }
            rest = &rest[end..];
        }
    }
    steps
}

impl PartialEq for Positions {
    fn eq(&self, _: &Positions) -> bool {
        true
    }
}

impl fmt::Debug for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Positions")
    }
}
