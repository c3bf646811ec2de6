//! From a document's tree to a typed resource: which kind it is, its metadata, its spec.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::closed::Outline;
use super::decode::{Decoded, decode};
use super::finder::Finder;
use super::kinds::kind_of;
use super::metadata::meta_of;
use super::mistakes::help_for_word;
use crate::diagnostic::{Diagnostic, Severity, codes};
use crate::resource::{AnyResource, Kind, Meta, Resource, kinds};
use crate::source::{Entry, Node, Positions, Value};

/// Reads one document, or every item of a `List`.
pub(crate) fn read(
    root: Node,
    file: &Arc<str>,
    resources: &mut Vec<AnyResource>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let is_list = root.get("kind").and_then(Node::as_str) == Some("List");
    if let (true, Value::Map(entries)) = (is_list, root.value.clone()) {
        let items = entries.into_iter().find(|entry| entry.key == "items").map(|entry| entry.value.value);
        let Some(Value::Sequence(items)) = items else { return };
        items.into_iter().for_each(|item| read_one(item, file, resources, diagnostics));
    } else {
        read_one(root, file, resources, diagnostics);
    }
}

/// A security resource that cannot be read closes what it may have been about.
fn read_one(
    root: Node,
    file: &Arc<str>,
    resources: &mut Vec<AnyResource>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let (outline, before) = (Outline::of_document(&root), (resources.len(), diagnostics.len()));
    read_sound(root, file, resources, diagnostics);
    let Some(outline) = outline.filter(|_| resources.len() == before.0) else { return };
    if let Some(error) = diagnostics[before.1..].iter_mut().find(|finding| finding.is_error()) {
        error.help = format!("{}; {}", error.help, outline.effect());
        resources.push(outline.stand_in(file));
    }
}

fn read_sound(
    root: Node,
    file: &Arc<str>,
    resources: &mut Vec<AnyResource>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut finder = Finder { file, resource: None, found: diagnostics };
    let Some((kind, api_version)) = kind_of(&root, &mut finder) else { return };
    let before = finder.found.len();
    let Some(mut meta) = meta_of(&root, kind, api_version, &mut finder) else { return };
    finder.resource = Some(meta.resource_name());
    for finding in &mut finder.found[before..] {
        finding.resource.clone_from(&finder.resource);
    }
    if finder.found[before..].iter().any(Diagnostic::is_error) {
        return;
    }
    let root = Arc::new(root);
    meta.positions = Positions::in_document(root.clone());
    if let Some(resource) = typed(kind, meta, &root, &mut finder) {
        resources.push(resource);
    }
}

macro_rules! define_typed {
    ($($kind:ident: $spec:ty, $layout:ident, $versions:ident, $scope:ident
        $(, list $list:ident)? $(, check $check:path)?;)*) => {
        /// The spec (or, for kinds without one, the document's other fields) as the kind's type.
        fn typed(kind: Kind, meta: Meta, root: &Node, finder: &mut Finder<'_>) -> Option<AnyResource> {
            Some(match kind {
                $(Kind::$kind => AnyResource::$kind($layout(meta, root, finder)?),)*
            })
        }
    };
}

kinds!(define_typed);

/// A kind whose fields are under `spec`; a `status` is not read.
fn spec<T: DeserializeOwned>(meta: Meta, root: &Node, finder: &mut Finder<'_>) -> Option<Arc<Resource<T>>> {
    let mut misplaced = false;
    for Entry { line, column, key, .. } in entries(root) {
        if !matches!(key.as_str(), "apiVersion" | "kind" | "metadata" | "spec" | "status") {
            let reason = format!("there is no field `{key}` at the top of a {}", meta.kind);
            let allowed = &["apiVersion", "kind", "metadata", "spec", "status"];
            let help = match help_for_word(key, allowed) {
                near if near.starts_with("did you mean") => near,
                _ => "indent it under `spec`, or remove it".to_owned(),
            };
            finder.add(codes::UNKNOWN_FIELD, (*line, *column), key, reason, help);
            misplaced = true;
        }
    }
    let nothing = Node { line: root.line, column: root.column, value: Value::Null };
    let decoded = decoded(meta, root.get("spec").unwrap_or(&nothing), "spec", finder);
    decoded.filter(|_| !misplaced)
}

/// A kind whose fields stand beside its metadata.
fn whole<T: DeserializeOwned>(meta: Meta, root: &Node, finder: &mut Finder<'_>) -> Option<Arc<Resource<T>>> {
    let own = |entry: &&Entry| !matches!(entry.key.as_str(), "apiVersion" | "kind" | "metadata");
    let body = Value::Map(entries(root).iter().filter(own).cloned().collect());
    decoded(meta, &Node { line: root.line, column: root.column, value: body }, "", finder)
}

fn entries(node: &Node) -> &[Entry] {
    match &node.value {
        Value::Map(entries) => entries,
        _ => &[],
    }
}

/// Unknown fields refuse an Istio resource, as they may be a misspelt guard; a Kubernetes object is
/// only warned about, as Carrick knows but a part of its fields.
fn decoded<T: DeserializeOwned>(
    meta: Meta,
    node: &Node,
    prefix: &str,
    finder: &mut Finder<'_>,
) -> Option<Arc<Resource<T>>> {
    let Decoded { value, mistakes, unknown } = decode::<T>(node);
    let severity = if meta.kind.is_kubernetes() { Severity::Warning } else { Severity::Error };
    let refused = severity == Severity::Error && !unknown.is_empty();
    for mistake in mistakes {
        finder.add_mistake(Severity::Error, prefix, node, mistake);
    }
    for mistake in unknown {
        finder.add_mistake(severity, prefix, node, mistake);
    }
    value.filter(|_| !refused).map(|spec| Arc::new(Resource::new(meta, spec)))
}
