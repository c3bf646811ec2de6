//! What stands in the place of a security resource that cannot be read. Without it its workloads
//! would be open, so whatever it may have been about is closed: an AuthorizationPolicy denies, a
//! PeerAuthentication is STRICT.
//!
//! It must not know why the resource cannot be read.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::host;
use crate::resource::{AnyResource, Kind, Meta, Resource};
use crate::resources::{
    AuthorizationAction, AuthorizationPolicy, MutualTls, MutualTlsMode, PeerAuthentication, Rule,
    WorkloadSelector,
};
use crate::source::{Location, Node, Value};

/// As much as could be read of a security resource.
pub(super) struct Outline {
    policy: bool,
    name: String,
    /// Empty where it is not known: then the whole mesh is meant.
    namespace: String,
    selector: Option<BTreeMap<String, String>>,
    annotations: BTreeMap<String, String>,
    line: u32,
}

impl Outline {
    /// `None`: the document is about something else.
    pub(super) fn of_document(root: &Node) -> Option<Outline> {
        let text = |node: &Node, key: &str| node.get(key).and_then(Node::as_str).map(str::to_owned);
        let version = text(root, "apiVersion").unwrap_or_default();
        let kind = text(root, "kind")?;
        let policy = secures(&kind, &version)?;
        let metadata = root.get("metadata");
        let namespace = match metadata {
            _ if kind == "MeshPolicy" => String::new(),
            Some(Node { value: Value::Map(_), .. }) => {
                let node = metadata.and_then(|metadata| metadata.get("namespace"));
                node.map_or_else(|| "default".to_owned(), |node| known(node.as_str().unwrap_or_default()))
            }
            _ => String::new(),
        };
        // Legacy policies name services and not labels: all of the namespace is closed.
        let selector = root.get("spec").and_then(|spec| spec.get("selector"));
        let labels = selector.and_then(|selector| selector.get("matchLabels")).and_then(texts);
        Some(Outline {
            policy,
            name: metadata.and_then(|metadata| text(metadata, "name")).unwrap_or_default(),
            namespace,
            selector: labels.filter(|labels| !labels.is_empty()),
            annotations: metadata
                .and_then(|metadata| metadata.get("annotations"))
                .and_then(texts)
                .unwrap_or_default(),
            line: root.line,
        })
    }

    /// The same of a text that is not even YAML: by its words.
    pub(super) fn of_text(text: &str, line: u32) -> Vec<Outline> {
        let version = values_of(text, "apiVersion").join(" ");
        let mut namespaces = values_of(text, "namespace");
        namespaces.dedup();
        let namespace = match namespaces.as_slice() {
            [one] => known(one),
            _ => String::new(),
        };
        let mut kinds: Vec<bool> =
            values_of(text, "kind").iter().filter_map(|kind| secures(kind, &version)).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let outline = |policy| Outline {
            policy,
            name: String::new(),
            namespace: namespace.clone(),
            selector: None,
            annotations: BTreeMap::new(),
            line,
        };
        kinds.into_iter().map(outline).collect()
    }

    /// What happens as long as it cannot be read, for the operator.
    pub(super) fn effect(&self) -> String {
        let effect = match self.policy {
            true => "every request is denied",
            false => "only mutual TLS is accepted",
        };
        let scope = match (self.namespace.as_str(), &self.selector) {
            ("", _) => "in the whole mesh".to_owned(),
            (namespace, None) => format!("in the namespace `{namespace}`"),
            (namespace, Some(_)) => format!("by the workloads that it selects in `{namespace}`"),
        };
        format!("where no earlier version is in force, {effect} {scope}")
    }

    pub(super) fn stand_in(self, file: &Arc<str>) -> AnyResource {
        let Outline { policy, mut name, namespace, selector, annotations, line } = self;
        if name.is_empty() {
            name = format!("unreadable:{file}:{line}");
        }
        let selector = selector.map(|match_labels| WorkloadSelector { match_labels });
        let kind = if policy { Kind::AuthorizationPolicy } else { Kind::PeerAuthentication };
        let source = Location { file: file.clone(), line, column: 1 };
        let meta = Meta { annotations, source, unreadable: true, ..Meta::made(kind, namespace, name) };
        match policy {
            true => {
                let action = AuthorizationAction::Deny;
                let spec = AuthorizationPolicy {
                    selector,
                    action,
                    rules: vec![Rule::default()],
                    ..Default::default()
                };
                AnyResource::AuthorizationPolicy(Arc::new(Resource::new(meta, spec)))
            }
            false => AnyResource::PeerAuthentication(Arc::new(Resource::new(meta, strict(selector)))),
        }
    }
}

/// The same for a resource that could be read and makes no sense; `None` if it secures nothing. An
/// AuthorizationPolicy stays what it is: translation takes what it says in the closed direction.
pub(crate) fn closed(resource: &AnyResource) -> Option<AnyResource> {
    let (meta, selector) = match resource {
        AnyResource::AuthorizationPolicy(_) => return Some(resource.clone()),
        AnyResource::PeerAuthentication(r) => (&r.meta, r.spec.selector.clone()),
        AnyResource::MeshPolicy(r) | AnyResource::Policy(r) => (&r.meta, None),
        _ => return None,
    };
    let meta = Meta { kind: Kind::PeerAuthentication, unreadable: true, ..meta.clone() };
    Some(AnyResource::PeerAuthentication(Arc::new(Resource::new(meta, strict(selector)))))
}

fn strict(selector: Option<WorkloadSelector>) -> PeerAuthentication {
    let mtls = Some(MutualTls { mode: MutualTlsMode::Strict });
    PeerAuthentication { selector, mtls, ..Default::default() }
}

/// Whether a kind is one that denies (`true`), or one of mutual TLS; `None`: neither. Other
/// projects have kinds of these names, in groups of their own.
fn secures(kind: &str, version: &str) -> Option<bool> {
    let ours = version.is_empty() || version.contains("istio.io") || version.starts_with("security.");
    match kind {
        "AuthorizationPolicy" if ours => Some(true),
        "PeerAuthentication" | "MeshPolicy" if ours => Some(false),
        "Policy" if version.contains("authentication.istio.io") => Some(false),
        _ => None,
    }
}

fn known(namespace: &str) -> String {
    if host::label_fault(namespace).is_none() { namespace.to_owned() } else { String::new() }
}

/// A map of texts; `None` if it is anything else.
fn texts(node: &Node) -> Option<BTreeMap<String, String>> {
    let Value::Map(entries) = &node.value else { return None };
    entries.iter().map(|entry| Some((entry.key.clone(), entry.value.as_str()?.to_owned()))).collect()
}

/// The words that follow a key, in YAML or JSON, outside of comments.
fn values_of(text: &str, key: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let mut values = Vec::new();
    for line in lines {
        for (at, _) in line.match_indices(key) {
            let before = line[..at].chars().next_back();
            if before.is_some_and(|letter| letter.is_alphanumeric() || "_-.".contains(letter)) {
                continue;
            }
            let rest = line[at + key.len()..].trim_start_matches(['"', '\'']).trim_start();
            let Some(rest) = rest.strip_prefix(':') else { continue };
            let rest = rest.trim_start().trim_start_matches(['"', '\'']);
            let end = rest.find(|letter: char| letter.is_whitespace() || "\"',}]#".contains(letter));
            values.push(rest[..end.unwrap_or(rest.len())].to_owned());
        }
    }
    values.retain(|value| !value.is_empty());
    values.sort();
    values
}

#[cfg(test)]
mod tests;
