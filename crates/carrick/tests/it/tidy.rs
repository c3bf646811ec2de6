//! The shape of the source itself: who may import whom, how modules open, how long files are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::fixtures::repository;

/// A file that is longer has a seam to find; CONTRIBUTING.md asks to look for it from 300 lines on.
const MOST_LINES: usize = 450;

/// A comment that is wider is no pleasure to read; CONTRIBUTING.md names the width.
const COMMENT_COLUMNS: usize = 100;

type Edges = BTreeMap<String, BTreeSet<String>>;

#[test]
fn crates_import_each_other_as_the_picture_says() {
    let text = std::fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    let block = text.split("```crates\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let drawn: Edges = block
        .lines()
        .map(|line| {
            let (from, to) = line.split_once("->").unwrap();
            let to = to.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
            (from.trim().to_owned(), to.collect())
        })
        .collect();
    assert_eq!(edges_that_cargo_knows(), drawn, "left: what cargo knows; right: ARCHITECTURE.md");
}

/// Between our own crates, dev-dependencies included.
fn edges_that_cargo_knows() -> Edges {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    let ours: BTreeSet<String> = packages.iter().map(name).collect();
    let short = |name: &str| name.trim_start_matches("carrick-").to_owned();
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap().iter().map(name);
            // A crate that tests itself through its own name imports nobody.
            let to = dependencies.filter(|to| ours.contains(to) && *to != name(package));
            (short(&name(package)), to.map(|to| short(&to)).collect())
        })
        .collect()
}

#[test]
fn every_module_says_what_it_is_for() {
    let mute: Vec<PathBuf> = sources()
        .into_iter()
        .filter(|path| !is_unit_test(path))
        .filter(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            !text.trim_start().starts_with("//!")
        })
        .collect();
    assert_eq!(mute, Vec::<PathBuf>::new(), "these files do not open with a `//!` line");
}

#[test]
fn no_file_is_too_long_to_see_at_a_glance() {
    let long: Vec<(PathBuf, usize)> = sources()
        .into_iter()
        .filter(|path| !is_unit_test(path) && !path.components().any(|part| part.as_os_str() == "tests"))
        .map(|path| (path.clone(), std::fs::read_to_string(&path).unwrap().lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .collect();
    assert_eq!(long, Vec::<(PathBuf, usize)>::new(), "longer than {MOST_LINES} lines");
}

#[test]
fn comments_are_narrow_enough_to_read() {
    let mut wide = Vec::new();
    for path in sources() {
        let text = std::fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            // A single word, an address for instance, cannot be broken.
            let can_break = line.split_whitespace().count() > 2;
            if line.trim_start().starts_with("//") && can_break && line.chars().count() > COMMENT_COLUMNS {
                wide.push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
    assert_eq!(wide, Vec::<String>::new(), "comments wider than {COMMENT_COLUMNS} columns");
}

#[test]
fn the_reading_path_leads_to_files() {
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = std::fs::read_to_string(repository().join(document)).unwrap();
        let named = text.split('`').skip(1).step_by(2).filter(|name| name.starts_with("crates/"));
        let lost: Vec<_> = named.filter(|name| !repository().join(name).exists()).collect();
        assert_eq!(lost, Vec::<&str>::new(), "{document} names files that are not there");
    }
}

/// Unit tests stand beside their module and need no introduction.
fn is_unit_test(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "tests.rs")
        || path
            .parent()
            .is_some_and(|parent| parent.ends_with("tests") && !parent.parent().is_some_and(is_crate))
}

fn is_crate(path: &Path) -> bool {
    path.join("Cargo.toml").exists()
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(&repository().join("crates"), &mut found);
    assert!(found.len() > 100, "the sources are not where they are looked for");
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}
