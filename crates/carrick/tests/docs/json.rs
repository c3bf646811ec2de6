//! `docs/json.md` and `docs/schema/` say what the types of `carrick-api` say: both are written from
//! them.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use carrick_api::analysis::Analysis;
use carrick_api::demo::DemoReport;
use carrick_api::fleet::{Fleet, FleetStatus};
use carrick_api::root_ca::RootCaRecord;
use carrick_api::trace::Trace;
use carrick_api::{Document, control};
use schemars::{JsonSchema, schema_for};
use serde_json::Value;

use crate::repository;

const BEGIN: &str = "<!-- The rest is written from the program's own types: UPDATE_GOLDEN=1 cargo test -p carrick --test docs -->\n";

/// Each shape: the name of its schema's file, and where it comes from.
fn shapes() -> Vec<(&'static str, &'static str, Value)> {
    fn of<T: JsonSchema>() -> Value {
        let mut schema = schema_for!(T).to_value();
        unfold(&mut schema);
        schema
    }
    vec![
        ("fleet-status", "`carrick ps --json`", of::<Document<FleetStatus>>()),
        ("trace", "`carrick trace --json`", of::<Document<Trace>>()),
        ("analysis", "`carrick analyze --format json`", of::<Document<Analysis>>()),
        ("demo-report", "`carrick demo --json`", of::<Document<DemoReport>>()),
        ("root-ca-record", "`carrick root-ca list --json`", of::<Document<RootCaRecord>>()),
        ("control-status", "control plane's socket, `GET /status`", of::<control::Status>()),
        ("control-resolved", "control plane's socket, `GET /resolve?path=…`", of::<control::Resolved>()),
        ("control-services", "control plane's socket, `GET /services`", of::<control::Services>()),
        ("fleet", "supervisor's socket, `GET /ps`", of::<Fleet>()),
    ]
}

/// Descriptions on one line each: how wide the source's comments are is nobody's business.
fn unfold(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::String(text)) = fields.get_mut("description") {
                *text = text.replace('\n', " ");
            }
            fields.values_mut().for_each(unfold);
        }
        Value::Array(items) => items.iter_mut().for_each(unfold),
        _ => {}
    }
}

/// The type of a property in one word or two.
fn type_of(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(either) = schema["anyOf"].as_array() {
        return either.iter().map(type_of).collect::<Vec<_>>().join(" or ");
    }
    if let Some(words) = schema["type"].as_array() {
        return words.iter().filter_map(Value::as_str).map(plain).collect::<Vec<_>>().join(" or ");
    }
    match schema["type"].as_str() {
        Some("array") => format!("list of {}", type_of(&schema["items"])),
        Some("object") if schema["additionalProperties"].is_object() => {
            format!("map to {}", type_of(&schema["additionalProperties"]))
        }
        Some(word) => plain(word).to_owned(),
        None => "any".to_owned(),
    }
}

fn plain(word: &str) -> &str {
    match word {
        "string" => "text",
        "integer" => "number",
        "boolean" => "true or false",
        word => word,
    }
}

fn sentence(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().replace('|', "\\|")
}

/// The fields of an object, or the words of an enumeration, as a table.
fn table(schema: &Value) -> String {
    let mut text = String::new();
    if let Some(properties) = schema["properties"].as_object() {
        text.push_str("\n| field | type | meaning |\n| --- | --- | --- |\n");
        for (name, property) in properties {
            writeln!(text, "| `{name}` | {} | {} |", type_of(property), sentence(property)).unwrap();
        }
    }
    let mut words = Vec::new();
    for variant in schema["oneOf"].as_array().into_iter().flatten() {
        match variant["properties"].as_object() {
            Some(properties) => {
                let tag = properties.iter().find_map(|(name, one)| Some((name, one["const"].as_str()?)));
                let (name, value) = tag.expect("an object that is one of several has a tag");
                let more = properties.iter().filter(|(other, _)| *other != name);
                let more: String = more
                    .map(|(name, one)| format!(" With `{name}`, {}: {}", type_of(one), sentence(one)))
                    .collect();
                words.push((format!("{{\"{name}\": \"{value}\"}}"), sentence(variant) + &more));
            }
            None => {
                let several = variant["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let values = several.chain(variant["const"].as_str());
                words.extend(values.map(|value| (format!("\"{value}\""), sentence(variant))));
            }
        }
    }
    let values = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
    words.extend(values.map(|value| (format!("\"{value}\""), String::new())));
    if !words.is_empty() {
        text.push_str("\n| value | meaning |\n| --- | --- |\n");
        for (word, meaning) in words {
            writeln!(text, "| `{word}` | {} |", meaning.trim()).unwrap();
        }
    }
    text
}

fn generated() -> String {
    let mut text = String::from(BEGIN);
    let mut parts = std::collections::BTreeMap::new();
    for (name, origin, schema) in shapes() {
        write!(text, "\n## {origin}\n\nSchema: [{name}.json](schema/{name}.json).").unwrap();
        writeln!(text, " {}", sentence(&schema)).unwrap();
        text.push_str(&table(&schema));
        let definitions = schema["$defs"].as_object().cloned().unwrap_or_default();
        parts.extend(definitions);
    }
    text.push_str("\n## Parts\n");
    for (name, schema) in parts {
        writeln!(text, "\n### {name}\n\n{}", sentence(&schema)).unwrap();
        text.push_str(&table(&schema));
    }
    text
}

/// Compares a file with what it should be, or writes it.
fn is_written(path: &Path, expected: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, expected).unwrap();
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    assert!(found == expected, "{} is not what the types say", path.display());
}

#[test]
fn every_shape_has_its_schema() {
    let folder = repository().join("docs/schema");
    for (name, _, schema) in shapes() {
        is_written(&folder.join(format!("{name}.json")), &format!("{schema:#}\n"));
    }
    let known = shapes().len();
    assert_eq!(fs::read_dir(folder).unwrap().count(), known, "a schema of nothing is left over");
}

#[test]
fn the_document_describes_every_field_in_the_words_of_the_types() {
    let path = repository().join("docs/json.md");
    let document = fs::read_to_string(&path).unwrap();
    let (introduction, _) = document.split_once(BEGIN).expect("docs/json.md has lost its marker line");
    is_written(&path, &format!("{introduction}{}", generated()));
}

#[test]
fn every_document_has_a_version_and_a_kind() {
    for (name, origin, schema) in shapes().into_iter().filter(|(_, origin, _)| origin.contains("carrick")) {
        let required: Vec<&str> =
            schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(required.contains(&"apiVersion") && required.contains(&"kind"), "{origin}: {name}");
    }
}
