//! The metadata half of a node: `LABELS`, `CLUSTER_ID` and so on, as Istio's agent writes it.

use std::collections::BTreeMap;

use prost_types::value::Kind;
use prost_types::{Struct, Value};

use super::ProxyNode;
use crate::rule::{string, structure};

pub(super) struct Reader<'a> {
    metadata: Option<&'a Struct>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(metadata: Option<&'a Struct>) -> Self {
        Reader { metadata }
    }

    /// A text field that is present and not empty.
    pub(super) fn string(&self, key: &str) -> Option<&'a str> {
        match self.field(key)? {
            Kind::StringValue(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    pub(super) fn labels(&self) -> BTreeMap<String, String> {
        let Some(Kind::StructValue(labels)) = self.field("LABELS") else { return BTreeMap::new() };
        let text = |(key, value): (&String, &Value)| match &value.kind {
            Some(Kind::StringValue(value)) => Some((key.clone(), value.clone())),
            _ => None,
        };
        labels.fields.iter().filter_map(text).collect()
    }

    fn field(&self, key: &str) -> Option<&'a Kind> {
        self.metadata?.fields.get(key)?.kind.as_ref()
    }
}

pub(super) fn write(node: &ProxyNode) -> Struct {
    let labels = node.labels.iter().map(|(key, value)| (key.clone(), string(value))).collect();
    let mut metadata = structure([
        ("NAME", string(&node.name)),
        ("NAMESPACE", string(&node.namespace)),
        ("INSTANCE_IPS", string(&node.ip.to_string())),
        ("CLUSTER_ID", string(&node.cluster_id)),
        ("SERVICE_ACCOUNT", string(&node.service_account)),
        ("INTERCEPTION_MODE", string("REDIRECT")),
        ("LABELS", Value { kind: Some(Kind::StructValue(Struct { fields: labels })) }),
    ]);
    for (key, value) in [("NETWORK", &node.network), ("WORKLOAD_NAME", &node.workload_name)] {
        if !value.is_empty() {
            metadata.fields.insert(key.into(), string(value));
        }
    }
    metadata
}
