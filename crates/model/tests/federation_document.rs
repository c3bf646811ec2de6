//! `docs/federation-file.md` tells of every field of the federation file, with its true default.

// A failing unwrap here is a failing test.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use carrick_model::resources::FederationSpec;
use carrick_model::{SourceFile, parse_federation};

/// The fields, by the structs that hold them.
const SPEC: &str =
    concat!(include_str!("../src/resources/federation.rs"), include_str!("../src/resources/mesh_config.rs"));

fn document() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/federation-file.md")).unwrap()
}

/// The first cells of the document's table rows: field, type, default.
fn rows(document: &str) -> Vec<[String; 3]> {
    let rows = document.lines().filter(|line| line.starts_with("| `"));
    let cells = rows
        .map(|line| line.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect::<Vec<_>>());
    cells.map(|cells| [cells[1].clone(), cells[2].clone(), cells[3].clone()]).collect()
}

/// `pub name: Type` of every struct, in the spelling of the file.
fn fields_of_the_source() -> Vec<String> {
    let camel = |name: &str| {
        let mut words = name.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |text, word| text + &word[..1].to_uppercase() + &word[1..])
    };
    let declared = SPEC.lines().filter_map(|line| line.strip_prefix("    pub ")?.split_once(':'));
    declared.filter(|(name, _)| !name.contains('(')).map(|(name, _)| camel(name)).collect()
}

#[test]
fn every_field_has_a_row() {
    let rows = rows(&document());
    let steps = |path: &str| path.split(['.', ',', '`', ' ']).map(str::to_owned).collect::<Vec<_>>();
    let has = |field: &String| rows.iter().any(|[path, ..]| steps(path).contains(field));
    let missing: Vec<String> = fields_of_the_source().into_iter().filter(|field| !has(field)).collect();
    assert!(missing.is_empty(), "docs/federation-file.md does not tell of {missing:?}");
}

#[test]
fn the_document_s_example_is_a_federation() {
    let document = document();
    let example = document.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let (federation, findings) = parse_federation(&SourceFile::new("federation.yaml", example));
    assert_eq!(findings, []);
    let federation = federation.unwrap();
    assert_eq!(federation.clusters[0].runtime.substitute["__INGRESS2__"], "203.0.113.21");
}

#[test]
fn the_defaults_are_those_of_the_program() {
    let defaults = FederationSpec::default();
    let rows = rows(&document());
    let default = |field: &str| rows.iter().find(|[path, ..]| path == field).unwrap()[2].clone();
    assert_eq!(default("suffix"), defaults.suffix);
    assert_eq!(default("networks.pods"), defaults.networks.pods.to_string());
    assert_eq!(default("networks.services"), defaults.networks.services.to_string());
    assert_eq!(default("networks.internet"), defaults.networks.internet.to_string());
    let policy = serde_json::to_value(defaults.outbound_traffic_policy).unwrap();
    assert_eq!(default("outboundTrafficPolicy"), policy.as_str().unwrap());
}
