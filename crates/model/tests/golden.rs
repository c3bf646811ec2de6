//! Golden pairs: `golden/NAME.yaml` and what an operator reads about it, `golden/NAME.txt`.
//!
//! Run with `GOLDEN=write` to write the texts anew, and read the difference before you commit it.

// A failing unwrap here is a failing test.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use carrick_identity::TrustDomain;
use carrick_model::{AddressTable, MeshSettings, SourceFile, build, parse, render};

#[test]
fn every_bad_input_gets_the_words_that_its_text_file_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut inputs: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "no inputs in {}", folder.display());
    let mut different = Vec::new();
    for input in inputs {
        let name = input.file_name().unwrap().to_str().unwrap().to_owned();
        let files = [SourceFile::new(name.clone(), Arc::<str>::from(fs::read_to_string(&input).unwrap()))];
        let found = findings(&files);
        let golden = input.with_extension("txt");
        if std::env::var("GOLDEN").is_ok_and(|mode| mode == "write") {
            fs::write(&golden, &found).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if found != expected {
            different.push(format!("== {name}\n-- expected\n{expected}\n-- found\n{found}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// What parsing says, then what building says, and at the end what was applied all the same.
fn findings(files: &[SourceFile]) -> String {
    let (resources, mut diagnostics) = parse(files);
    let settings = MeshSettings::new("cluster1", TrustDomain::new("cluster1.local").unwrap());
    let (snapshot, _, more) = build(resources, settings, AddressTable::default());
    diagnostics.extend(more);
    let applied: Vec<String> =
        snapshot.resources().map(|resource| resource.meta().resource_name().to_string()).collect();
    format!("{}\napplied: [{}]\n", render(&diagnostics, files), applied.join(", "))
}
