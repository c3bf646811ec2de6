//! Decodes a tree into a type and reports every mistake on the way, not just the first.

use std::cell::RefCell;

use serde::de::DeserializeOwned;

use super::mistakes::{Mistake, Step};
use super::reader::Reader;
use crate::source::{Node, Value};

/// How many mistakes of one document are worth reporting.
const MAX_MISTAKES: usize = 20;

/// What a tree decoded to, the mistakes that prevented it, and fields that the type does not have.
pub(crate) struct Decoded<T> {
    pub value: Option<T>,
    pub mistakes: Vec<Mistake>,
    pub unknown: Vec<Mistake>,
}

/// Decodes a tree. After a mistake the offending part is cut out and the rest tried again, so that
/// one look at the diagnostics shows them all.
pub(crate) fn decode<T: DeserializeOwned>(root: &Node) -> Decoded<T> {
    let mut tree = root.clone();
    let mut mistakes: Vec<Mistake> = Vec::new();
    loop {
        let unknown = RefCell::new(Vec::new());
        let result = T::deserialize(Reader::new(&tree, &unknown));
        let unknown = unknown.into_inner();
        match result {
            Ok(value) if mistakes.is_empty() => return Decoded { value: Some(value), mistakes, unknown },
            Ok(_) => return Decoded { value: None, mistakes, unknown },
            Err(mistake) => {
                let cut = mistake.place.as_ref().is_some_and(|place| cut_out(&mut tree, &place.path));
                mistakes.push(mistake);
                if !cut || mistakes.len() == MAX_MISTAKES {
                    return Decoded { value: None, mistakes, unknown };
                }
            }
        }
    }
}

/// Removes the node at the path; false for the root and for paths that lead nowhere.
fn cut_out(node: &mut Node, path: &[Step]) -> bool {
    let Some((step, rest)) = path.split_first() else { return false };
    match (&mut node.value, step) {
        (Value::Map(entries), Step::Key(key)) => match entries.iter().position(|entry| entry.key == *key) {
            Some(position) if rest.is_empty() => {
                entries.remove(position);
                true
            }
            Some(position) => cut_out(&mut entries[position].value, rest),
            None => false,
        },
        (Value::Sequence(items), Step::Index(index)) if *index < items.len() => match rest.is_empty() {
            // Replaced, not removed: the other items keep their indices.
            true => {
                let nothing = items[*index].value == Value::Null;
                items[*index].value = Value::Null;
                !nothing
            }
            false => cut_out(&mut items[*index], rest),
        },
        _ => false,
    }
}
