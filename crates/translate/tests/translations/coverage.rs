//! `docs/istio-semantics-coverage.md` tells the truth: what it names exists, and its figures are
//! counted.
//!
//! `UPDATE_GOLDEN=1` writes the figures anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The rows of its tables: a rule, and where it is checked or why it is not.
fn rows(document: &str) -> Vec<(String, String)> {
    let lines = document.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| rule |"));
    let cells = lines.filter(|line| !line.starts_with("| ---")).map(|line| {
        let row = line.trim_matches('|');
        let (rule, place) = row.rsplit_once(" | ").unwrap_or_else(|| panic!("no two columns: {line}"));
        (rule.trim().to_owned(), place.trim().to_owned())
    });
    cells.collect()
}

/// What stands in backticks and is a golden case or a test's name.
fn named(place: &str) -> impl Iterator<Item = &str> {
    place.split('`').skip(1).step_by(2).filter(|name| name.contains('/') || name.contains('_'))
}

fn sources(folder: &Path, found: &mut String) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() && !entry.ends_with("target") && !entry.ends_with("vendor") {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push_str(&fs::read_to_string(&entry).unwrap());
        }
    }
}

fn figures(rows: &[(String, String)]) -> String {
    let starts = |word: &str| rows.iter().filter(|(_, place)| place.starts_with(word)).count();
    let (differs, missing) = (starts("Differs"), starts("Not built"));
    let names: BTreeSet<&str> = rows.iter().flat_map(|(_, place)| named(place)).collect();
    let goldens = names.iter().filter(|name| name.contains('/')).count();
    format!(
        "**{} rules: {} as in Istio, {differs} different on purpose, {missing} not built. {goldens} golden cases and {} tests check them.**",
        rows.len(),
        rows.len() - differs - missing,
        names.len() - goldens,
    )
}

#[test]
fn every_rule_names_a_check_that_exists_or_says_why_not() {
    let path = root().join("docs/istio-semantics-coverage.md");
    let document = fs::read_to_string(&path).unwrap();
    let rows = rows(&document);
    assert!(rows.len() > 100, "{} rules are not all", rows.len());
    let mut all = String::new();
    sources(&root().join("crates"), &mut all);
    for (rule, place) in &rows {
        let names: Vec<&str> = named(place).collect();
        let explained = place.starts_with("Differs: ") || place.starts_with("Not built: ");
        assert!(explained || !names.is_empty(), "nothing checks: {rule}");
        for name in names {
            let exists = match name.contains('/') {
                true => root().join("crates/translate/tests/golden").join(name).join("input.yaml").is_file(),
                false => all.contains(&format!("fn {name}(")) || explained,
            };
            assert!(exists, "{rule}: there is no `{name}`");
        }
    }
    let counted = figures(&rows);
    let told = document.lines().find(|line| line.starts_with("**") || *line == "COUNTS").unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, document.replace(told, &counted)).unwrap();
    } else {
        assert_eq!(told, counted);
    }
}
