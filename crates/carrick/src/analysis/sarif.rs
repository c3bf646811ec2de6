//! Findings as SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format"), which code hosts
//! show beside the lines.

use carrick_analyze::{RULES, Rule};
use carrick_model::diagnostic::explanations;
use carrick_model::{Diagnostic, Severity};
use serde_json::{Value, json};

use super::Analysis;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

pub fn sarif(analysis: &Analysis) -> Value {
    let rules = rules(&analysis.findings);
    let results: Vec<Value> = analysis.findings.iter().map(|finding| result(finding, &rules)).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "carrick",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            // Columns count characters, not UTF-16 units.
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": { "FEDERATION": {
                "description": { "text": "The federation's folder" },
            }},
            "results": results,
        }],
    })
}

/// Descriptions of the codes that were found, each once, in order.
fn rules(findings: &[Diagnostic]) -> Vec<Value> {
    let mut codes: Vec<&str> = findings.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes.into_iter().map(description).collect()
}

fn description(code: &str) -> Value {
    if let Some(rule) = RULES.iter().find(|rule| rule.code == code) {
        return of_rule(rule);
    }
    let known = explanations().find(|one| one.code == code);
    let text = known.map_or("A finding in the configuration", |one| one.text);
    json!({ "id": code, "shortDescription": { "text": text } })
}

fn of_rule(rule: &Rule) -> Value {
    json!({
        "id": rule.code,
        "shortDescription": { "text": rule.title },
        "fullDescription": { "text": rule.why },
        "help": { "text": rule.help },
        "defaultConfiguration": { "level": level(rule.severity) },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn result(finding: &Diagnostic, rules: &[Value]) -> Value {
    let message = match finding.help.as_str() {
        "" => finding.reason.clone(),
        help => format!("{}. Help: {help}", finding.reason),
    };
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(&finding.location.file), "uriBaseId": "FEDERATION" },
            "region": { "startLine": finding.location.line, "startColumn": finding.location.column },
        },
    });
    if let Some(resource) = &finding.resource {
        let name = format!("{resource}: {}", finding.field);
        let name = name.trim_end_matches(": ");
        location["logicalLocations"] = json!([{ "fullyQualifiedName": name, "kind": "resource" }]);
    }
    json!({
        "ruleId": finding.code,
        "ruleIndex": rules.iter().position(|rule| rule["id"] == finding.code),
        "level": level(finding.severity),
        "message": { "text": message },
        "locations": [location],
    })
}

/// A relative path as a URI reference (RFC 3986, section 3.3): what is neither unreserved nor `/`
/// is percent-encoded.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}
