//! `/config_dump`: what this proxy runs, as it was received, in the shape of Envoy's
//! `admin.v3.ConfigDump`. Private keys are replaced by `[redacted]` wherever they may be.
//!
//! It must not know what a resource means.

use std::time::SystemTime;

use carrick_xds::ResourceType;
use carrick_xds::json::to_json;
use prost_types::Any;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Shown;
use crate::registry::Registry;
use crate::resources::{LoadedResource, LoadedVersion, Origin};

/// Fields that hold, or lead to, something secret.
const SECRET_FIELDS: [&str; 5] = ["private_key", "password", "pkcs12", "keys", "generic_secret"];

pub(super) fn dump(shown: &Shown, with_endpoints: bool) -> Value {
    let registry = &shown.registry;
    let bootstrap = to_json(&*shown.bootstrap).unwrap_or_else(|error| json!({ "error": error.to_string() }));
    let mut configs = vec![
        json!({
            "@type": type_url("Bootstrap"),
            "bootstrap": bootstrap,
            "last_updated": timestamp(registry.started),
        }),
        resources(registry, ResourceType::Cluster, &CLUSTERS),
    ];
    if with_endpoints {
        configs.push(resources(registry, ResourceType::Endpoint, &ENDPOINTS));
    }
    configs.push(resources(registry, ResourceType::Listener, &LISTENERS));
    configs.push(resources(registry, ResourceType::Route, &ROUTES));
    configs.push(resources(registry, ResourceType::Secret, &SECRETS));
    let mut dump = json!({ "configs": configs });
    redact(&mut dump, false);
    dump
}

fn type_url(kind: &str) -> String {
    format!("type.googleapis.com/envoy.admin.v3.{kind}ConfigDump")
}

/// How Envoy shows one kind of resource.
struct Shape {
    kind: &'static str,
    fixed: &'static str,
    active: &'static str,
    /// `None`: warming resources are shown within the active list, as listeners are.
    warming: Option<&'static str>,
    field: &'static str,
}

const CLUSTERS: Shape = Shape {
    kind: "Clusters",
    fixed: "static_clusters",
    active: "dynamic_active_clusters",
    warming: Some("dynamic_warming_clusters"),
    field: "cluster",
};
const ENDPOINTS: Shape = Shape {
    kind: "Endpoints",
    fixed: "static_endpoint_configs",
    active: "dynamic_endpoint_configs",
    warming: Some("dynamic_endpoint_configs"),
    field: "endpoint_config",
};
const LISTENERS: Shape = Shape {
    kind: "Listeners",
    fixed: "static_listeners",
    active: "dynamic_listeners",
    warming: None,
    field: "listener",
};
const ROUTES: Shape = Shape {
    kind: "Routes",
    fixed: "static_route_configs",
    active: "dynamic_route_configs",
    warming: Some("dynamic_route_configs"),
    field: "route_config",
};
const SECRETS: Shape = Shape {
    kind: "Secrets",
    fixed: "static_secrets",
    active: "dynamic_active_secrets",
    warming: Some("dynamic_warming_secrets"),
    field: "secret",
};

fn resources(registry: &Registry, kind: ResourceType, shape: &Shape) -> Value {
    let mut config = Map::new();
    config.insert("@type".into(), type_url(shape.kind).into());
    let mut add = |list: &str, item: Value| {
        let list = config.entry(list).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(item);
        }
    };
    for (name, origin, resource) in registry.resources.of(kind) {
        match (origin, shape.warming) {
            (Origin::Static, _) => {
                if let Some(version) = resource.active.as_ref().or(resource.warming.as_ref()) {
                    add(shape.fixed, fixed(&name, version, shape));
                }
            }
            (Origin::Dynamic, None) => add(shape.active, with_states(&name, &resource, shape)),
            (Origin::Dynamic, Some(warming)) => {
                let error = resource.refused.as_ref().map(|(version, reason)| error_state(version, reason));
                let no_error = None;
                if let Some(version) = &resource.warming {
                    add(warming, delivered(&name, version, no_error, shape));
                }
                match (&resource.active, error) {
                    (Some(version), error) => add(shape.active, delivered(&name, version, error, shape)),
                    (None, Some(error)) => add(shape.active, json!({ "name": name, "error_state": error })),
                    (None, None) => {}
                }
            }
        }
    }
    Value::Object(config)
}

fn fixed(name: &str, version: &LoadedVersion, shape: &Shape) -> Value {
    let mut item = Map::new();
    if shape.kind == "Secrets" {
        item.insert("name".into(), name.into());
    }
    item.insert(shape.field.into(), any(&version.body));
    item.insert("last_updated".into(), timestamp(version.at).into());
    Value::Object(item)
}

fn delivered(name: &str, version: &LoadedVersion, error: Option<Value>, shape: &Shape) -> Value {
    let mut item = Map::new();
    if shape.kind == "Secrets" {
        item.insert("name".into(), name.into());
    }
    item.insert("version_info".into(), version.version.clone().into());
    item.insert(shape.field.into(), any(&version.body));
    item.insert("last_updated".into(), timestamp(version.at).into());
    if let Some(error) = error {
        item.insert("error_state".into(), error);
    }
    Value::Object(item)
}

fn with_states(name: &str, resource: &LoadedResource, shape: &Shape) -> Value {
    let mut item = Map::new();
    item.insert("name".into(), name.into());
    let states = [("active_state", &resource.active), ("warming_state", &resource.warming)];
    for (state, version) in states {
        if let Some(version) = version {
            item.insert(state.into(), delivered(name, version, None, shape));
        }
    }
    if let Some((version, reason)) = &resource.refused {
        item.insert("error_state".into(), error_state(version, reason));
    }
    Value::Object(item)
}

/// Envoy's `UpdateFailureState`: what was refused, and why.
fn error_state(version: &LoadedVersion, reason: &str) -> Value {
    json!({
        "failed_configuration": any(&version.body),
        "last_update_attempt": timestamp(version.at),
        "details": reason,
        "version_info": version.version,
    })
}

/// A message that cannot be shown, because Carrick does not know its type, is named at least.
fn any(body: &Any) -> Value {
    to_json(body).unwrap_or_else(|error| json!({ "@type": body.type_url, "error": error.to_string() }))
}

/// Blanks every text below a field that may be secret.
fn redact(value: &mut Value, secret: bool) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    // Bytes are base64 in the JSON form of protobuf; Envoy shows the same word
                    // encoded.
                    Value::String(text) if secret && name == "inline_bytes" => {
                        *text = "W3JlZGFjdGVkXQ==".into()
                    }
                    Value::String(text) if secret && name != "filename" => *text = "[redacted]".into(),
                    value => redact(value, secret || SECRET_FIELDS.contains(&name.as_str())),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, secret)),
        _ => {}
    }
}

/// RFC 3339, as protobuf's JSON has it; empty for times that it cannot say.
pub(super) fn timestamp(at: SystemTime) -> String {
    let at = OffsetDateTime::from(at);
    let millis = at.replace_millisecond(at.millisecond()).unwrap_or(at);
    millis.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests;
