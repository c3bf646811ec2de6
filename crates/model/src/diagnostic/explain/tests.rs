use std::collections::BTreeSet;

use super::*;

/// The source of the codes' constants.
const CODES: &str = include_str!("../../diagnostic.rs");

#[test]
fn every_code_has_a_longer_text_and_only_one() {
    let named: BTreeSet<&str> = CODES
        .split('"')
        .filter(|word| {
            word.len() == 6 && word.starts_with("CRK") && word[3..].bytes().all(|b| b.is_ascii_digit())
        })
        .collect();
    assert!(named.len() > 20, "{named:?}");
    let explained: Vec<&str> = explanations().map(|one| one.code).collect();
    let missing: Vec<&&str> = named.iter().filter(|code| !explained.contains(code)).collect();
    assert!(missing.is_empty(), "write a text for {missing:?} in diagnostic/explain.rs");
    let distinct: BTreeSet<&str> = explained.iter().copied().collect();
    assert_eq!(distinct.len(), explained.len(), "a code is explained twice");
    assert!(explained.is_sorted(), "keep the codes in order");
}
