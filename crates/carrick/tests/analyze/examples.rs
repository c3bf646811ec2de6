//! The examples bring no finding, and the original demo brings those that it deserves.

use std::fs;
use std::path::{Path, PathBuf};

use carrick_testing::needs::original_demo;

use crate::command::analyze;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn every_example_brings_no_finding() {
    let mut seen = 0;
    for entry in fs::read_dir(repository().join("examples")).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.join("federation.yaml").is_file() {
            continue;
        }
        let ran = analyze(&folder, &["--strict"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{}", folder.display());
        seen += 1;
    }
    assert!(seen > 0, "there are no examples");
}

#[test]
fn the_original_demo_accepts_any_identity_and_lets_unknown_names_leave() {
    if original_demo().is_none() {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/analyze/original-demo");
    let found = analyze(&folder, &[]).stdout;
    let golden = folder.join("expected.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&golden, &found).unwrap();
    }
    assert_eq!(found, fs::read_to_string(&golden).unwrap_or_default());
}
