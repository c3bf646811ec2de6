//! Carrick's own proxy against everything that translate's golden cases become: each resource is
//! one that it obeys in full. (Envoy is asked the same in `crates/translate/tests`.)

// A failing unwrap or a panic here is a failing test.
#![allow(clippy::unwrap_used, clippy::panic)]

// What is shown of a case matters to its golden file only.
#[allow(dead_code)]
#[path = "../../../translate/tests/translations/case.rs"]
mod case;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use carrick_proxy::accept::accepts;
use carrick_translate::translate;
use carrick_xds::ResourceType;

use case::Case;

fn cases() -> Vec<PathBuf> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../translate/tests/golden");
    let mut folders: Vec<PathBuf> = entries(&golden)
        .iter()
        .filter(|section| section.is_dir())
        .flat_map(|section| entries(section))
        .collect();
    folders.retain(|folder| folder.join("input.yaml").is_file());
    folders
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

#[test]
fn the_proxy_obeys_every_field_of_every_golden_case() {
    let mut refused = BTreeSet::new();
    let mut resources = 0;
    for folder in cases() {
        let case = Case::read(&folder);
        let snapshot = case.snapshot(&case.files);
        let name = folder.iter().rev().take(2).map(|part| part.to_string_lossy()).collect::<Vec<_>>();
        for node in case.nodes(&snapshot) {
            let translated = translate(&snapshot, &node);
            // Secrets are what the user wrote; those of the cases hold no real keys.
            for kind in ResourceType::ALL.into_iter().filter(|kind| *kind != ResourceType::Secret) {
                for resource in translated.of(kind) {
                    resources += 1;
                    if let Err(error) = accepts(kind, &resource.body) {
                        refused.insert(format!("{}/{}: {kind} {}: {error}", name[1], name[0], resource.name));
                    }
                }
            }
        }
    }
    assert!(resources > 500, "{resources} resources are not all golden cases");
    assert!(refused.is_empty(), "{}", refused.into_iter().collect::<Vec<_>>().join("\n"));
}
