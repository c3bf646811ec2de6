//! Runs the program, and the stories of its command line.

use std::path::{Path, PathBuf};
use std::process::Command;

use carrick_api::Document;
use carrick_api::analysis::Analysis;

/// What a run came to.
pub struct Ran {
    pub stdout: String,
    pub stderr: String,
    pub code: i32,
}

pub fn carrick(arguments: &[&str]) -> Ran {
    ran(Command::new(env!("CARGO_BIN_EXE_carrick")).args(arguments))
}

/// With running federations and their certificates kept below `homes`.
pub fn carrick_in(homes: &Path, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carrick"));
    ran(command
        .args(arguments)
        .env("XDG_RUNTIME_DIR", homes.join("run"))
        .env("XDG_STATE_HOME", homes.join("state")))
}

fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap(),
    }
}

pub fn analyze(folder: &Path, more: &[&str]) -> Ran {
    let folder = folder.to_str().unwrap();
    carrick(&[&["analyze", folder], more].concat())
}

pub fn golden_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/analyze/golden")
}

fn wrong(case: &str) -> PathBuf {
    golden_folder().join(case).join("wrong")
}

#[test]
fn a_warning_alone_is_no_failure_unless_it_is_asked_to_be_one() {
    let folder = wrong("CRK101-no-identity-pinned");
    assert_eq!(analyze(&folder, &[]).code, 0);
    assert_eq!(analyze(&folder, &["--strict"]).code, 1);
}

#[test]
fn an_error_is_a_failure() {
    let ran = analyze(&wrong("CRK122-tls-host-taken"), &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.starts_with("1 error;"), "{}", ran.stderr);
}

#[test]
fn json_holds_every_finding_with_its_place_reason_and_help() {
    let ran = analyze(&wrong("CRK101-no-identity-pinned"), &["--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&report["apiVersion"], &report["kind"]),
        (&"carrick.dev/v1alpha1".into(), &"Analysis".into())
    );
    let typed: Document<Analysis> = serde_json::from_value(report.clone()).unwrap();
    assert_eq!(serde_json::to_value(typed).unwrap(), report, "the types know every field");
    assert_eq!((&report["errors"], &report["warnings"]), (&0.into(), &1.into()));
    let finding = &report["findings"][0];
    assert_eq!(finding["code"], "CRK101");
    assert_eq!(finding["severity"], "warning");
    assert_eq!(finding["location"]["file"], "rule.yaml");
    assert_eq!(finding["location"]["line"], 7);
    assert_eq!(finding["resource"]["kind"], "DestinationRule");
    assert_eq!(finding["field"], "spec.trafficPolicy.tls");
    assert!(finding["help"].as_str().unwrap().contains("subjectAltNames"));
    assert_eq!(ran.stderr, "", "programs get no summary");
}

#[test]
fn a_folder_without_a_federation_file_is_told_so() {
    let ran = analyze(&golden_folder().join("base"), &[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(ran.stderr.contains("a federation folder needs a federation.yaml"), "{}", ran.stderr);
}

#[test]
fn explain_tells_the_longer_text_of_a_code_in_any_case() {
    let ran = carrick(&["explain", "crk101"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stdout.starts_with("CRK101 (warning): "), "{}", ran.stdout);
    assert!(ran.stdout.contains("\nHelp: "), "{}", ran.stdout);
    assert!(carrick(&["explain", "CRK402"]).stdout.starts_with("CRK402: "));
    let former = carrick(&["explain", "ck0302"]).stdout;
    assert!(former.starts_with("CK0302 is CRK402 now.\n\nCRK402: "), "{former}");
}

#[test]
fn explain_refuses_a_code_that_does_not_exist() {
    let ran = carrick(&["explain", "CRK999"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
    assert!(ran.stderr.contains("there is no code `CRK999`"), "{}", ran.stderr);
}
