//! Links between documents lead somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::repository;

fn documents() -> Vec<PathBuf> {
    let entries = fs::read_dir(repository().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect();
    all.extend(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|name| repository().join(name)));
    all
}

/// The targets of `[text](target)`, outside of code blocks.
fn targets(text: &str) -> Vec<String> {
    let mut in_code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        let starts = line.match_indices("](").map(|(at, _)| &line[at + 2..]);
        let closed = starts.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned());
        found.extend(closed.filter(|_| !in_code));
    }
    found
}

/// The anchors of a document's headings, as code hosts make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings =
        text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let anchor = |heading: &str| {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

fn fault(document: &Path, text: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let there = match path {
        "" => document.to_owned(),
        path => document.parent().unwrap().join(path),
    };
    let name = document.file_name().unwrap().to_string_lossy();
    if !there.exists() {
        return Some(format!("{name}: {target} is not there"));
    }
    let known = || if path.is_empty() { text.to_owned() } else { fs::read_to_string(&there).unwrap() };
    (!anchor.is_empty() && !anchors(&known()).contains(anchor))
        .then(|| format!("{name}: {target} has no such heading"))
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_are_there() {
    let mut faults = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        faults.extend(targets(&text).iter().filter_map(|target| fault(&document, &text, target)));
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
