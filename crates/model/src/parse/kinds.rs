//! Which kind a document is of, and what to say of kinds that Carrick does not read.

use super::finder::Finder;
use super::mistakes::help_for_word;
use crate::diagnostic::codes;
use crate::resource::{Kind, group, is_kubernetes_group};
use crate::source::{Node, Value};

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
    "StatefulSet",
    "StorageClass",
    "ValidatingWebhookConfiguration",
];

/// Kind and API version, if they name something that Carrick reads. Irrelevant kinds are `None`
/// without a word.
pub(super) fn kind_of(root: &Node, finder: &mut Finder<'_>) -> Option<(Kind, String)> {
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
    let group_of = group(version);
    let of_name = Kind::ALL.iter().copied().find(|kind| kind.name() == name);
    if let Some(kind) = of_name.filter(|kind| kind.api_versions().contains(&version)) {
        return Some((kind, version.to_owned()));
    }
    let at = |key: &str| root.get(key).map_or(here, |node| (node.line, node.column));
    let same_group = |known: &&str| group(known) == group_of;
    if let Some(kind) = of_name.filter(|kind| kind.api_versions().iter().any(same_group)) {
        let known = kind.api_versions().join(", ");
        let reason = format!("`{version}` is no version of {kind} that Carrick knows");
        finder.add(
            codes::UNKNOWN_VERSION,
            at("apiVersion"),
            "apiVersion",
            reason,
            format!("use one of {known}"),
        );
    } else if IRRELEVANT_KINDS.contains(&name) && is_kubernetes_group(group_of) {
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
    } else if group_of.ends_with("istio.io") && NOT_SUPPORTED.contains(&name) {
        let reason = format!("Carrick does not support {name}; it is not applied");
        finder.add(codes::UNSUPPORTED, at("kind"), "kind", reason, "remove it".to_owned());
    } else {
        let known: Vec<&str> = Kind::ALL.iter().copied().map(Kind::name).collect();
        let reason = format!("`{name}` ({version}) is no kind that Carrick knows");
        finder.add(codes::UNKNOWN_KIND, at("kind"), "kind", reason, help_for_word(name, &known));
    }
    None
}

/// Istio kinds that Carrick knows of and does not build.
const NOT_SUPPORTED: &[&str] =
    &["EnvoyFilter", "ProxyConfig", "Telemetry", "WasmPlugin", "WorkloadGroup", "TrafficExtension"];
