//! A document's `metadata`: name, namespace, labels, age.

use std::collections::BTreeMap;

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::decode::{Decoded, decode};
use super::finder::Finder;
use crate::diagnostic::{Severity, codes};
use crate::host;
use crate::resource::{Kind, Meta, ResourceName};
use crate::source::{Location, Node, Positions, Value};

/// `metadata`, as far as Carrick reads it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    name: String,
    namespace: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    creation_timestamp: String,
}

pub(super) fn meta_of(root: &Node, kind: Kind, api_version: String, finder: &mut Finder<'_>) -> Option<Meta> {
    let nothing = Node { line: root.line, column: root.column, value: Value::Null };
    let node = root.get("metadata").unwrap_or(&nothing);
    let Decoded { value, mistakes, unknown } = decode::<Metadata>(node);
    // A name for the findings, even where the metadata is not all right.
    let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default().to_owned();
    let namespace = match (kind.is_cluster_scoped(), text("namespace")) {
        (true, _) => String::new(),
        (false, given) if given.is_empty() => "default".to_owned(),
        (false, given) => given,
    };
    let named = ResourceName { kind, namespace: namespace.clone(), name: text("name") };
    finder.resource = (!named.name.is_empty()).then_some(named);
    for mistake in mistakes {
        finder.add_mistake(Severity::Error, "metadata", node, mistake);
    }
    for mistake in unknown {
        finder.add_mistake(Severity::Warning, "metadata", node, mistake);
    }
    let metadata = value?;
    let place = |key: &str| {
        let of_key = node.get(key).map(|value| (value.line, value.column));
        of_key.unwrap_or_else(|| {
            root.entry("metadata").map_or((root.line, root.column), |e| (e.line, e.column))
        })
    };
    if metadata.name.is_empty() {
        let reason = "the resource has no name".to_owned();
        finder.add(
            codes::NOT_A_RESOURCE,
            place("name"),
            "metadata.name",
            reason,
            "add `metadata.name`".to_owned(),
        );
        return None;
    }
    for (key, value) in [("name", &metadata.name), ("namespace", &metadata.namespace)] {
        if let Some(fault) = name_fault(value) {
            let help = "use lower-case letters, digits, `-` and `.`".to_owned();
            finder.add(codes::BAD_FORM, place(key), &format!("metadata.{key}"), fault, help);
        }
    }
    let created = match metadata.creation_timestamp.as_str() {
        "" => None,
        text => match OffsetDateTime::parse(text, &Rfc3339) {
            Ok(time) => Some(time),
            Err(_) => {
                let reason = format!("`{text}` is no time");
                let help = "write a time such as 2024-01-31T12:00:00Z".to_owned();
                finder.add(
                    codes::BAD_FORM,
                    place("creationTimestamp"),
                    "metadata.creationTimestamp",
                    reason,
                    help,
                );
                None
            }
        },
    };
    Some(Meta {
        kind,
        api_version,
        name: metadata.name,
        namespace,
        labels: metadata.labels,
        annotations: metadata.annotations,
        created,
        source: Location { file: finder.file.clone(), line: root.line, column: root.column },
        positions: Positions::default(),
        unreadable: false,
    })
}

/// Why a text can be no resource name (RFC 1123 subdomain, in lower case), or `None`.
fn name_fault(name: &str) -> Option<String> {
    if name.is_empty() {
        return None;
    }
    if name.chars().any(|letter| letter.is_ascii_uppercase()) {
        return Some(format!(
            "`{name}` may not be a resource's name: only lower-case letters, digits, `-` and `.`"
        ));
    }
    host::fault(name, false)
        .map(|fault| format!("`{}` may not be a resource's name: {fault}", name.escape_debug()))
}
