//! From a document's tree to a typed resource: which kind it is, its metadata, its spec.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::decode::{Decoded, decode};
use super::mistakes::{Mistake, mend_word, path_text};
use super::node::{Entry, Node, Value};
use super::positions::Positions;
use crate::diagnostic::{Diagnostic, Severity, codes};
use crate::host;
use crate::resource::{AnyResource, Kind, Meta, Resource, ResourceName};
use crate::source::Location;

/// Kubernetes kinds that mean nothing to a mesh: accepted, and passed over.
const IRRELEVANT_KINDS: &[&str] = &[
    "APIService",
    "ClusterRole",
    "ClusterRoleBinding",
    "ConfigMap",
    "ControllerRevision",
    "CronJob",
    "CustomResourceDefinition",
    "DaemonSet",
    "Event",
    "HorizontalPodAutoscaler",
    "Ingress",
    "IngressClass",
    "Job",
    "Lease",
    "LimitRange",
    "MutatingWebhookConfiguration",
    "NetworkPolicy",
    "Node",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "PodDisruptionBudget",
    "PodSecurityPolicy",
    "PriorityClass",
    "ReplicaSet",
    "ReplicationController",
    "ResourceQuota",
    "Role",
    "RoleBinding",
    "Secret",
    "StatefulSet",
    "StorageClass",
    "ValidatingWebhookConfiguration",
];

/// Where a document's findings go and which document it is.
struct Finder<'a> {
    file: &'a Arc<str>,
    resource: Option<ResourceName>,
    found: &'a mut Vec<Diagnostic>,
}

impl Finder<'_> {
    fn add(&mut self, code: &'static str, at: (u32, u32), field: &str, reason: String, mend: String) {
        self.add_as(Severity::Error, code, at, field, reason, mend);
    }

    fn add_as(
        &mut self,
        severity: Severity,
        code: &'static str,
        (line, column): (u32, u32),
        field: &str,
        reason: String,
        mend: String,
    ) {
        let location = Location { file: self.file.clone(), line, column };
        let resource = self.resource.clone();
        self.found.push(Diagnostic {
            code,
            severity,
            location,
            resource,
            field: field.to_owned(),
            reason,
            mend,
        });
    }

    fn add_mistake(&mut self, severity: Severity, prefix: &str, root: &Node, mistake: Mistake) {
        let (at, field) = match &mistake.place {
            Some(place) => ((place.line, place.column), path_text(prefix, &place.path)),
            None => ((root.line, root.column), prefix.to_owned()),
        };
        self.add_as(severity, mistake.code, at, &field, mistake.reason, mistake.mend);
    }
}

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

fn read_one(
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
    meta.positions = Positions::of(root.clone());
    if let Some(resource) = typed(kind, meta, &root, &mut finder) {
        resources.push(resource);
    }
}

/// Kind and API version, if they name something that Carrick reads. Irrelevant kinds are `None` without a word.
fn kind_of(root: &Node, finder: &mut Finder<'_>) -> Option<(Kind, String)> {
    let here = (root.line, root.column);
    if !matches!(root.value, Value::Map(_)) {
        let reason =
            format!("a resource is a map with `apiVersion`, `kind` and `metadata`; this is {}", root.kind());
        finder.add(
            codes::NOT_A_RESOURCE,
            here,
            "",
            reason,
            "remove it, or complete it to a resource".to_owned(),
        );
        return None;
    }
    let mut word = |key: &str| match root.get(key) {
        Some(node) if node.as_str().is_some_and(|text| !text.is_empty()) => node.as_str(),
        Some(node) => {
            let reason = format!("`{key}` must be text, found {}", node.kind());
            finder.add(
                codes::NOT_A_RESOURCE,
                (node.line, node.column),
                key,
                reason,
                format!("give `{key}` a name"),
            );
            None
        }
        None => {
            finder.add(
                codes::NOT_A_RESOURCE,
                here,
                key,
                format!("`{key}` is missing"),
                format!("add `{key}`"),
            );
            None
        }
    };
    let (version, kind) = (word("apiVersion"), word("kind"));
    let (version, name) = (version?, kind?);
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let of_name = Kind::ALL.into_iter().find(|kind| kind.name() == name);
    if let Some(kind) = of_name.filter(|kind| kind.api_versions().contains(&version)) {
        return Some((kind, version.to_owned()));
    }
    let at = |key: &str| root.get(key).map_or(here, |node| (node.line, node.column));
    let same_group = |known: &&str| known.split_once('/').map_or("", |(group, _)| group) == group;
    if let Some(kind) = of_name.filter(|kind| kind.api_versions().iter().any(|known| same_group(&known))) {
        let known = kind.api_versions().join(", ");
        let reason = format!("`{version}` is no version of {kind} that Carrick knows");
        finder.add(
            codes::UNKNOWN_VERSION,
            at("apiVersion"),
            "apiVersion",
            reason,
            format!("use one of {known}"),
        );
    } else if IRRELEVANT_KINDS.contains(&name) && is_kubernetes_group(group) {
        // Nothing to say.
    } else if let Some(kind) = of_name {
        let known = kind.api_versions().join(", ");
        let reason = format!("the API group of `{version}` has no {kind} that Carrick reads");
        finder.add(
            codes::UNKNOWN_KIND,
            at("apiVersion"),
            "apiVersion",
            reason,
            format!("use one of {known}"),
        );
    } else if group.ends_with("istio.io") && NOT_SUPPORTED.contains(&name) {
        let reason = format!("Carrick does not support {name}; it is not applied");
        finder.add(codes::UNSUPPORTED, at("kind"), "kind", reason, "remove it".to_owned());
    } else {
        let known: Vec<&str> = Kind::ALL.into_iter().map(Kind::name).collect();
        let reason = format!("`{name}` ({version}) is no kind that Carrick knows");
        finder.add(codes::UNKNOWN_KIND, at("kind"), "kind", reason, mend_word(name, &known));
    }
    None
}

/// Istio kinds that Carrick knows of and does not build.
const NOT_SUPPORTED: &[&str] =
    &["EnvoyFilter", "ProxyConfig", "Telemetry", "WasmPlugin", "WorkloadGroup", "TrafficExtension"];

fn is_kubernetes_group(group: &str) -> bool {
    group.ends_with(".k8s.io")
        || matches!(group, "" | "apps" | "batch" | "policy" | "autoscaling" | "extensions")
}

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

fn meta_of(root: &Node, kind: Kind, api_version: String, finder: &mut Finder<'_>) -> Option<Meta> {
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
            let mend = "use lower-case letters, digits, `-` and `.`".to_owned();
            finder.add(codes::BAD_FORM, place(key), &format!("metadata.{key}"), fault, mend);
        }
    }
    let created = match metadata.creation_timestamp.as_str() {
        "" => None,
        text => match OffsetDateTime::parse(text, &Rfc3339) {
            Ok(time) => Some(time),
            Err(_) => {
                let reason = format!("`{text}` is no time");
                let mend = "write a time such as 2024-01-31T12:00:00Z".to_owned();
                finder.add(
                    codes::BAD_FORM,
                    place("creationTimestamp"),
                    "metadata.creationTimestamp",
                    reason,
                    mend,
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

/// The spec (or, for kinds without one, the document's other fields) as the kind's type.
fn typed(kind: Kind, meta: Meta, root: &Node, finder: &mut Finder<'_>) -> Option<AnyResource> {
    Some(match kind {
        Kind::Namespace => AnyResource::Namespace(whole(meta, root, finder)?),
        Kind::Service => AnyResource::Service(spec(meta, root, finder)?),
        Kind::ServiceAccount => AnyResource::ServiceAccount(whole(meta, root, finder)?),
        Kind::Pod => AnyResource::Pod(whole(meta, root, finder)?),
        Kind::Deployment => AnyResource::Deployment(spec(meta, root, finder)?),
        Kind::Endpoints => AnyResource::Endpoints(whole(meta, root, finder)?),
        Kind::EndpointSlice => AnyResource::EndpointSlice(whole(meta, root, finder)?),
        Kind::VirtualService => AnyResource::VirtualService(spec(meta, root, finder)?),
        Kind::DestinationRule => AnyResource::DestinationRule(spec(meta, root, finder)?),
        Kind::ServiceEntry => AnyResource::ServiceEntry(spec(meta, root, finder)?),
        Kind::WorkloadEntry => AnyResource::WorkloadEntry(spec(meta, root, finder)?),
        Kind::Gateway => AnyResource::Gateway(spec(meta, root, finder)?),
        Kind::Sidecar => AnyResource::Sidecar(spec(meta, root, finder)?),
        Kind::PeerAuthentication => AnyResource::PeerAuthentication(spec(meta, root, finder)?),
        Kind::AuthorizationPolicy => AnyResource::AuthorizationPolicy(spec(meta, root, finder)?),
        Kind::RequestAuthentication => AnyResource::RequestAuthentication(spec(meta, root, finder)?),
        Kind::MeshPolicy => AnyResource::MeshPolicy(spec(meta, root, finder)?),
        Kind::Policy => AnyResource::Policy(spec(meta, root, finder)?),
        Kind::Federation => AnyResource::Federation(spec(meta, root, finder)?),
    })
}

/// A kind whose fields are under `spec`; a `status` is not read.
fn spec<T: DeserializeOwned>(meta: Meta, root: &Node, finder: &mut Finder<'_>) -> Option<Arc<Resource<T>>> {
    let mut misplaced = false;
    for Entry { line, column, key, .. } in entries(root) {
        if !matches!(key.as_str(), "apiVersion" | "kind" | "metadata" | "spec" | "status") {
            let reason = format!("there is no field `{key}` at the top of a {}", meta.kind);
            let allowed = &["apiVersion", "kind", "metadata", "spec", "status"];
            let mend = match mend_word(key, allowed) {
                near if near.starts_with("did you mean") => near,
                _ => "indent it under `spec`, or remove it".to_owned(),
            };
            finder.add(codes::UNKNOWN_FIELD, (*line, *column), key, reason, mend);
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

/// Unknown fields refuse an Istio resource, as they may be a misspelt guard; a Kubernetes object is only warned
/// about, as Carrick knows but a part of its fields.
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
