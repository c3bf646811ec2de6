//! SARIF as the standard wants it (SARIF 2.1.0, OASIS; sections in the assertions), read back from
//! the program's output.

use std::path::Path;

use serde_json::Value;

use crate::command::{analyze, golden_folder};

fn sarif_of(folder: &Path) -> Value {
    let ran = analyze(folder, &["--format", "sarif"]);
    serde_json::from_str(&ran.stdout).unwrap()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let found = value.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is missing in {value:#}"));
    let text = found.as_str().unwrap_or_else(|| panic!("{pointer} is no text"));
    assert!(!text.is_empty(), "{pointer} is empty");
    text
}

fn number(value: &Value, pointer: &str) -> u64 {
    value
        .pointer(pointer)
        .and_then(Value::as_u64)
        .unwrap_or_else(|| panic!("{pointer} is no number in {value:#}"))
}

/// What sections 3.13 to 3.52 of the standard require of the objects that we write, and what code
/// hosts ask beyond it.
fn check(log: &Value) -> usize {
    assert_eq!(text(log, "/version"), "2.1.0", "3.13.2");
    assert!(text(log, "/$schema").ends_with("sarif-schema-2.1.0.json"), "3.13.3");
    let runs = log["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1, "3.13.4");
    let run = &runs[0];
    assert_eq!(text(run, "/tool/driver/name"), "carrick", "3.19.8");
    assert_eq!(text(run, "/columnKind"), "unicodeCodePoints", "3.14.17");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for rule in rules {
        text(rule, "/id");
        text(rule, "/shortDescription/text");
        let level = &rule["defaultConfiguration"]["level"];
        assert!(level.is_null() || level == "error" || level == "warning", "3.50.3");
    }
    let results = run["results"].as_array().unwrap();
    for result in results {
        let index = usize::try_from(number(result, "/ruleIndex")).unwrap();
        assert_eq!(text(&rules[index], "/id"), text(result, "/ruleId"), "3.27.6");
        assert!(["error", "warning"].contains(&text(result, "/level")), "3.27.10");
        text(result, "/message/text");
        let uri = text(result, "/locations/0/physicalLocation/artifactLocation/uri");
        assert!(!uri.starts_with('/') && !uri.contains([' ', '\\']), "3.4.3: a relative reference, {uri}");
        let base = text(result, "/locations/0/physicalLocation/artifactLocation/uriBaseId");
        assert!(run["originalUriBaseIds"].get(base).is_some(), "3.14.14");
        assert!(number(result, "/locations/0/physicalLocation/region/startLine") >= 1, "3.30.5");
        assert!(number(result, "/locations/0/physicalLocation/region/startColumn") >= 1, "3.30.6");
    }
    results.len()
}

#[test]
fn every_golden_case_is_sarif_with_a_place_and_a_rule_for_each_finding() {
    let mut checked = 0;
    for entry in std::fs::read_dir(golden_folder()).unwrap() {
        let folder = entry.unwrap().path();
        if folder.ends_with("base") {
            continue;
        }
        checked += check(&sarif_of(&folder.join("wrong")));
        assert_eq!(check(&sarif_of(&folder.join("mended"))), 0);
    }
    assert!(checked > 10, "only {checked} results");
}

#[test]
fn a_result_holds_what_a_code_host_shows_beside_the_line() {
    let log = sarif_of(&golden_folder().join("CRK122-tls-host-taken/wrong"));
    let result = &log["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "CRK122");
    assert_eq!(result["level"], "error");
    assert!(result["message"]["text"].as_str().unwrap().contains(". Help: list the host in one server only"));
    let place = &result["locations"][0];
    assert_eq!(place["physicalLocation"]["artifactLocation"]["uri"], "second.yaml");
    assert_eq!(place["physicalLocation"]["region"]["startLine"], 8);
    assert_eq!(
        place["logicalLocations"][0]["fullyQualifiedName"],
        "Gateway ns2/second: spec.servers[0].hosts"
    );
}
