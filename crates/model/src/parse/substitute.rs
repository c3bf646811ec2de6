//! Replaces texts inside string scalars, as an operator would with `sed`, but never in keys or
//! structure.

use crate::source::{Node, Value};
use std::collections::BTreeMap;

pub(crate) fn replace(node: &mut Node, substitutions: &BTreeMap<String, String>) {
    if substitutions.is_empty() {
        return;
    }
    match &mut node.value {
        Value::String(text) => {
            let whole = substitutions.contains_key(text.as_str());
            for (from, to) in substitutions.iter().filter(|(from, _)| !from.is_empty()) {
                if text.contains(from.as_str()) {
                    *text = text.replace(from.as_str(), to);
                }
            }
            if let (true, Ok(number)) = (whole, text.parse()) {
                node.value = Value::Unsigned(number);
            }
        }
        Value::Sequence(items) => items.iter_mut().for_each(|item| replace(item, substitutions)),
        Value::Map(entries) => entries.iter_mut().for_each(|entry| replace(&mut entry.value, substitutions)),
        Value::Null | Value::Bool(_) | Value::Unsigned(_) | Value::Signed(_) | Value::Float(_) => {}
    }
}
