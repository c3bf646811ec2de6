//! Which resource is responsible for a chain, route or cluster: Istio's
//! `metadata.filter_metadata.istio`.
//!
//! `carrick trace` follows `config` back to a file and a line. It must not know how the resource
//! was translated.

use std::collections::BTreeMap;

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};

use crate::envoy::core::Metadata;

/// The key under which Istio keeps its own metadata (`pilot/pkg/networking/util`,
/// `IstioMetadataKey`).
const ISTIO: &str = "istio";

/// Metadata with only `istio.config`.
pub(crate) fn config(path: &str) -> Metadata {
    istio([("config", string(path))])
}

/// The `istio.config` of metadata, if it has one.
pub(crate) fn config_of(metadata: &Metadata) -> Option<&str> {
    match &metadata.filter_metadata.get(ISTIO)?.fields.get("config")?.kind {
        Some(Kind::StringValue(path)) => Some(path),
        _ => None,
    }
}

/// Metadata under Istio's key.
pub(crate) fn istio<const N: usize>(fields: [(&str, Value); N]) -> Metadata {
    let mut metadata = Metadata::default();
    metadata.filter_metadata.insert(ISTIO.into(), structure(fields));
    metadata
}

/// Adds one field under Istio's key.
pub(crate) fn add(metadata: &mut Metadata, field: &str, value: Value) {
    metadata.filter_metadata.entry(ISTIO.into()).or_default().fields.insert(field.into(), value);
}

pub(crate) fn string(text: &str) -> Value {
    Value { kind: Some(Kind::StringValue(text.into())) }
}

pub(crate) fn number(number: u16) -> Value {
    Value { kind: Some(Kind::NumberValue(number.into())) }
}

pub(crate) fn boolean(value: bool) -> Value {
    Value { kind: Some(Kind::BoolValue(value)) }
}

pub(crate) fn list(values: Vec<Value>) -> Value {
    Value { kind: Some(Kind::ListValue(ListValue { values })) }
}

pub(crate) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value { kind: Some(Kind::StructValue(structure(fields))) }
}

pub(crate) fn structure<const N: usize>(fields: [(&str, Value); N]) -> Struct {
    let fields: BTreeMap<_, _> = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Struct { fields }
}
