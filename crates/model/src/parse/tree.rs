//! From a document's text to a tree of nodes with positions, within bounds of size and depth.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Options, Spanned};

use super::documents::Document;
use crate::source::{Entry, Node, Value};

/// Why a text is no tree, and where. 1-based.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub line: u32,
    pub column: u32,
    pub reason: String,
    pub too_large: bool,
}

/// Thrice as deep as any resource that a mesh reads. A level costs up to 33 KB of stack in a debug
/// build (measured), and threads have 2 MB.
const MAX_DEPTH: usize = 32;
const MAX_NODES: usize = 400_000;
const MAX_SCALAR_BYTES: usize = 16 * 1024 * 1024;
const MAX_ALIASES: usize = 1_000;
const MAX_REPLAYED: usize = 50_000;

/// `None` for a document that holds nothing.
pub(crate) fn read(document: &Document<'_>) -> Result<Option<Node>, Fault> {
    let above = document.first_line - 1;
    match serde_saphyr::from_str_with_options::<Spanned<Scanned>>(document.text, options()) {
        Ok(root) if root.value == Scanned::Null => Ok(None),
        Ok(root) => Ok(Some(node(root, above))),
        Err(error) => {
            let place = error.location();
            let line = place.map_or(1, |place| u32::try_from(place.line()).unwrap_or(u32::MAX)).max(1);
            let column = place.map_or(1, |place| u32::try_from(place.column()).unwrap_or(u32::MAX)).max(1);
            let reason = reason(&error);
            let too_large = matches!(error.without_snippet(), serde_saphyr::Error::Budget { .. })
                || reason.contains("limit exceeded");
            Err(Fault { line: line + above, column, reason, too_large })
        }
    }
}

fn options() -> Options {
    let mut options = serde_saphyr::options! {
        strict_booleans: true,
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

/// The library's words without the place, which has a field of its own.
fn reason(error: &serde_saphyr::Error) -> String {
    if let serde_saphyr::Error::Budget { breach, .. } = error.without_snippet() {
        return match breach {
            BudgetBreach::Depth { .. } => format!("the document is nested deeper than {MAX_DEPTH} levels"),
            _ => "the document is larger than a configuration may be".to_owned(),
        };
    }
    let text = error.without_snippet().to_string();
    let first = text.lines().next().unwrap_or_default().trim();
    let end =
        [" at line ", " (line "].iter().filter_map(|marker| first.find(marker)).min().unwrap_or(first.len());
    let bare = first[..end].trim_end_matches([',', ':', '.', ' ']);
    match bare.strip_prefix("error: ").unwrap_or(bare) {
        "" => "this is not YAML".to_owned(),
        bare => format!("this is not YAML: {bare}"),
    }
}

/// A value as scanned; its children know where they stand.
#[derive(Debug, PartialEq)]
enum Scanned {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    String(String),
    Sequence(Vec<Spanned<Scanned>>),
    Map(Vec<(Spanned<Scanned>, Spanned<Scanned>)>),
}

fn node(scanned: Spanned<Scanned>, above: u32) -> Node {
    let (line, column) = place(&scanned, above);
    let value = match scanned.value {
        Scanned::Null => Value::Null,
        Scanned::Bool(value) => Value::Bool(value),
        Scanned::Unsigned(value) => Value::Unsigned(value),
        Scanned::Signed(value) => Value::Signed(value),
        Scanned::Float(value) => Value::Float(value),
        Scanned::String(value) => Value::String(value),
        Scanned::Sequence(items) => {
            Value::Sequence(items.into_iter().map(|item| node(item, above)).collect())
        }
        Scanned::Map(entries) => Value::Map(entries.into_iter().map(|(k, v)| entry(k, v, above)).collect()),
    };
    Node { line, column, value }
}

fn entry(key: Spanned<Scanned>, value: Spanned<Scanned>, above: u32) -> Entry {
    let (line, column) = place(&key, above);
    let key = match key.value {
        Scanned::Null | Scanned::Sequence(_) | Scanned::Map(_) => String::new(),
        Scanned::Bool(value) => value.to_string(),
        Scanned::Unsigned(value) => value.to_string(),
        Scanned::Signed(value) => value.to_string(),
        Scanned::Float(value) => value.to_string(),
        Scanned::String(value) => value,
    };
    Entry { line, column, key, value: node(value, above) }
}

fn place(scanned: &Spanned<Scanned>, above: u32) -> (u32, u32) {
    let line = u32::try_from(scanned.referenced.line()).unwrap_or(u32::MAX - above);
    let column = u32::try_from(scanned.referenced.column()).unwrap_or(u32::MAX);
    (line.max(1) + above, column.max(1))
}

impl<'de> Deserialize<'de> for Scanned {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scanned, D::Error> {
        deserializer.deserialize_any(ScannedVisitor)
    }
}

struct ScannedVisitor;

impl<'de> Visitor<'de> for ScannedVisitor {
    type Value = Scanned;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Scanned, E> {
        Ok(Scanned::Null)
    }

    fn visit_none<E>(self) -> Result<Scanned, E> {
        Ok(Scanned::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Scanned, D::Error> {
        deserializer.deserialize_any(ScannedVisitor)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Scanned, E> {
        Ok(Scanned::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Scanned, E> {
        Ok(Scanned::Unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Scanned, E> {
        Ok(u64::try_from(value).map_or(Scanned::Signed(value), Scanned::Unsigned))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Scanned, E> {
        Ok(Scanned::Float(value as f64))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Scanned, E> {
        Ok(Scanned::Float(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Scanned, E> {
        Ok(Scanned::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Scanned, E> {
        Ok(Scanned::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Scanned, E> {
        Ok(Scanned::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scanned, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Scanned::Sequence(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Scanned, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Scanned::Map(map))
    }
}
