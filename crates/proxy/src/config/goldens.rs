//! Everything that Carrick's translation of Istio can say, Carrick's proxy takes: the golden files of the translation, converted.

use std::fs;
use std::path::{Path, PathBuf};

use carrick_xds::json;
use carrick_xds::pb::envoy::config::cluster::v3::Cluster;
use carrick_xds::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use carrick_xds::pb::envoy::config::listener::v3::Listener;
use carrick_xds::pb::envoy::config::route::v3::RouteConfiguration;
use carrick_xds::pb::envoy::extensions::transport_sockets::tls::v3::Secret;
use prost::{Message, Name};
use prost_types::Any;
use serde_json::{Map, Value};

use super::cluster::ClusterConfig;
use super::endpoint::Assignment;
use super::listener::ListenerConfig;
use super::socket::SocketSettings;
use super::supported;
use crate::http::RouteTable;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../translate/tests/golden")
}

fn read(file: &Path) -> Map<String, Value> {
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

/// The results of all cases.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            files(&entry, found);
        } else if entry.extension().is_some_and(|kind| kind == "json") && entry.parent() != Some(&golden()) {
            found.push(entry);
        }
    }
}

/// `<name>` stands for a longer part.
fn expand(value: &mut Value, abbreviations: &Map<String, Value>) {
    match value {
        Value::String(text) => {
            let name = text.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
            if let Some(long) = name.and_then(|name| abbreviations.get(name)) {
                *value = long.clone();
                expand(value, abbreviations);
            }
        }
        Value::Object(fields) => fields.values_mut().for_each(|field| expand(field, abbreviations)),
        Value::Array(items) => items.iter_mut().for_each(|item| expand(item, abbreviations)),
        _ => {}
    }
}

fn parsed<M: Message + Name + Default>(value: Value) -> (M, Any) {
    let message: M = json::from_json(value).unwrap();
    let any = Any::from_msg(&message).unwrap();
    (message, any)
}

fn take(kind: &str, value: Value) -> Result<(), carrick_xds::FieldError> {
    match kind {
        "listener" => {
            let (pb, any) = parsed::<Listener>(value);
            supported::check(&any).and_then(|()| ListenerConfig::from_proto(&pb)).map(drop)
        }
        "route" => {
            let (pb, any) = parsed::<RouteConfiguration>(value);
            supported::check(&any).and_then(|()| RouteTable::from_proto(&pb)).map(drop)
        }
        "cluster" => {
            let (pb, any) = parsed::<Cluster>(value);
            let sockets = SocketSettings::default();
            supported::check(&any).and_then(|()| ClusterConfig::from_proto(&pb, &sockets)).map(drop)
        }
        "endpoints" => {
            let (pb, any) = parsed::<ClusterLoadAssignment>(value);
            supported::check(&any).and_then(|()| Assignment::from_proto(&pb, false)).map(drop)
        }
        // Their certificates are words that stand for certificates; only the fields are judged.
        "secret" => supported::check(&parsed::<Secret>(value).1),
        other => panic!("what is {other}?"),
    }
}

#[test]
fn all_that_translation_writes_is_taken() {
    let abbreviations = read(&golden().join("abbreviations.json"));
    let mut found = Vec::new();
    files(&golden(), &mut found);
    let (mut taken, mut refused) = (0, Vec::new());
    for file in &found {
        for (key, mut value) in read(file) {
            expand(&mut value, &abbreviations);
            let (kind, _) = key.split_once('/').unwrap();
            match take(kind, value) {
                Ok(()) => taken += 1,
                Err(error) => refused.push(format!("{}: {key}: {error}", file.display())),
            }
        }
    }
    assert!(
        refused.is_empty(),
        "{} of {} refused:\n{}",
        refused.len(),
        taken + refused.len(),
        refused.join("\n")
    );
    assert!(taken > 100, "only {taken} resources in {} files", found.len());
}
