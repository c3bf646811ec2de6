//! Pairs of Istio resources and what each proxy makes of them, by section of Istio's semantics.
//! Every result is loaded by Envoy.
//!
//! `UPDATE_GOLDEN=1 cargo test -p carrick-translate` writes the files anew; read the difference
//! before you commit it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::case::Case;
use crate::{envoy, shown};
use carrick_model::SourceFile;
use carrick_translate::translate;
use proptest::prelude::*;
use serde_json::{Map, Value};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// All cases, or those whose path holds the text in `GOLDEN`.
fn cases() -> Vec<Case> {
    let only = std::env::var("GOLDEN").unwrap_or_default();
    let mut folders = Vec::new();
    for section in entries(&golden()) {
        folders.extend(entries(&section).into_iter().filter(|folder| folder.join("input.yaml").is_file()));
    }
    folders.retain(|folder| folder.to_string_lossy().contains(&only));
    assert!(!folders.is_empty(), "no golden case");
    folders.iter().map(|folder| Case::read(folder)).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = match folder.is_dir() {
        true => fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect(),
        false => vec![],
    };
    all.sort();
    all
}

#[test]
fn every_case_is_translated_as_written_down() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let abbreviations: Map<String, Value> =
        serde_json::from_str(&fs::read_to_string(golden().join("abbreviations.json")).unwrap()).unwrap();
    let mut differences = Vec::new();
    for case in cases() {
        let snapshot = case.snapshot(&case.files);
        let mut absent: BTreeSet<String> = case.show.iter().cloned().collect();
        for node in case.nodes(&snapshot) {
            let resources = translate(&snapshot, &node);
            let shown = shown::normal(&resources, &case.show, &abbreviations);
            absent.retain(|wanted| shown.get(wanted).is_none());
            let text = shown::text(&shown);
            let file = case.folder.join(format!("{}.json", node.name));
            if update {
                fs::write(&file, text).unwrap();
            } else if fs::read_to_string(&file).unwrap_or_default() != text {
                differences.push(difference(&file, &text));
            }
        }
        assert!(absent.is_empty(), "{}: nothing to show for {absent:?}", case.folder.display());
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// The first line that differs, with its place.
fn difference(file: &Path, now: &str) -> String {
    let before = fs::read_to_string(file).unwrap_or_default();
    let (mut was, mut is) = (before.lines(), now.lines());
    let mut line = 1;
    loop {
        match (was.next(), is.next()) {
            (Some(one), Some(other)) if one == other => line += 1,
            (one, other) => {
                let (one, other) = (one.unwrap_or("(end)"), other.unwrap_or("(end)"));
                return format!("{}:{line}:\n  was {one}\n  is  {other}", file.display());
            }
        }
    }
}

#[test]
fn every_cluster_of_every_example_is_a_case() {
    let inputs: String =
        cases().iter().map(|case| fs::read_to_string(case.folder.join("input.yaml")).unwrap()).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders = Vec::new();
    for example in entries(&root.join("examples")) {
        folders.extend(entries(&example).into_iter().filter(|folder| folder.is_dir()));
    }
    assert!(!folders.is_empty(), "no examples");
    for folder in folders {
        let path = folder.strip_prefix(&root).unwrap().display().to_string();
        assert!(inputs.contains(&format!("#: files {path}\n")), "no golden case is of {path}");
    }
}

#[test]
fn envoy_loads_every_case() {
    for case in cases() {
        let snapshot = case.snapshot(&case.files);
        for node in case.nodes(&snapshot) {
            let resources = translate(&snapshot, &node);
            let case = case.folder.strip_prefix(golden()).unwrap().display();
            for (how, inlined) in [("as sent", false), ("inlined", true)] {
                let name = format!("{case} for {} {how}", node.name);
                envoy::validate(&name, &shown::as_bootstrap(&node, &resources, inlined));
            }
        }
    }
}

/// Every document of a case as a file of its own.
fn documents(case: &Case) -> Vec<SourceFile> {
    let mut files = Vec::new();
    for file in &case.files {
        for (number, part) in file.text.split("\n---\n").enumerate() {
            files.push(SourceFile::new(format!("{}-{number}", file.path), part));
        }
    }
    files
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, ..Default::default() })]

    #[test]
    fn neither_the_order_of_files_nor_repetition_changes_a_byte(seed in any::<u64>()) {
        for case in cases() {
            let snapshot = case.snapshot(&case.files);
            let mut shuffled = documents(&case);
            let length = shuffled.len() as u64;
            shuffled.sort_by_key(|file| {
                let salt = file.path.bytes().fold(seed, |mix, byte| {
                    mix.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte)
                });
                (salt % (length * 7), file.path.clone())
            });
            let other = case.snapshot(&shuffled);
            for node in case.nodes(&snapshot) {
                let once = translate(&snapshot, &node);
                prop_assert_eq!(&once, &translate(&snapshot, &node));
                prop_assert_eq!(&once, &translate(&other, &node), "{}", case.folder.display());
            }
        }
    }
}
