//! A folder for each rule: the mistake, the words for it, and the mended form that brings none.

use std::fs;
use std::path::PathBuf;

use carrick_analyze::RULES;

use crate::command::{analyze, golden_folder};

fn cases() -> Vec<(String, PathBuf)> {
    let mut cases: Vec<(String, PathBuf)> = fs::read_dir(golden_folder())
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .filter(|(name, _)| name != "base")
        .collect();
    cases.sort();
    cases
}

#[test]
fn every_mistake_gets_the_words_that_its_text_file_holds() {
    let mut different = Vec::new();
    for (name, folder) in cases() {
        let found = analyze(&folder.join("wrong"), &[]).stdout;
        let golden = folder.join("expected.txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &found).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if found != expected {
            different.push(format!("== {name}\n-- expected\n{expected}\n-- found\n{found}"));
        }
        let code = name.split('-').next().unwrap();
        assert!(found.contains(&format!("[{code}]")), "{name} does not show its rule:\n{found}");
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn every_mended_form_brings_no_finding_at_all() {
    for (name, folder) in cases() {
        let ran = analyze(&folder.join("mended"), &["--strict"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{name}");
        assert_eq!(ran.stderr, "nothing found\n", "{name}");
    }
}

#[test]
fn every_rule_has_a_folder() {
    let cases = cases();
    for rule in RULES {
        let has = cases.iter().any(|(name, _)| name.starts_with(&format!("{}-", rule.code)));
        assert!(has, "write golden/{}-…/ with `wrong` and `mended`", rule.code);
    }
}
