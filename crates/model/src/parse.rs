//! Text becomes typed resources. Nothing here asks whether a resource makes sense; that is
//! `crate::validate`.
//!
//! text -> documents -> trees with positions -> (substitution) -> kind and metadata -> typed spec.
//! What is wrong in one document never touches another.

mod cache;
mod closed;
mod decode;
mod documents;
mod finder;
mod irrelevant;
mod kinds;
mod metadata;
mod mistakes;
mod reader;
mod resource;
mod substitute;
mod suggest;
mod tree;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use cache::ParseCache;
use closed::Outline;
pub(crate) use closed::closed;

use crate::diagnostic::{Diagnostic, Severity, codes};
use crate::resource::AnyResource;
use crate::source::{Location, SourceFile};

/// What one file says, as far as it can be read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParsedFile {
    pub resources: Vec<AnyResource>,
    /// As a reader goes through the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads all resources in all files. What cannot be read is a diagnostic, and nothing else is
/// affected.
pub fn parse(files: &[SourceFile]) -> (Vec<AnyResource>, Vec<Diagnostic>) {
    parse_with(files, &BTreeMap::new())
}

/// The same, after replacing texts inside string scalars (never in keys, and never across scalars).
/// A scalar that consists of nothing but such a text, and becomes a number, counts as that number.
///
/// Whoever parses the same files again and again keeps a [`ParseCache`].
pub fn parse_with(
    files: &[SourceFile],
    substitutions: &BTreeMap<String, String>,
) -> (Vec<AnyResource>, Vec<Diagnostic>) {
    let (mut resources, mut diagnostics) = (Vec::new(), Vec::new());
    for file in files {
        let parsed = parse_file(file, substitutions);
        resources.extend(parsed.resources);
        diagnostics.extend(parsed.diagnostics);
    }
    (resources, diagnostics)
}

fn parse_file(file: &SourceFile, substitutions: &BTreeMap<String, String>) -> ParsedFile {
    let ParsedFile { mut resources, mut diagnostics } = ParsedFile::default();
    let path: Arc<str> = file.path.as_str().into();
    for document in documents::split(&file.text) {
        match tree::read(&document) {
            Ok(None) => {}
            Ok(Some(mut root)) => {
                substitute::replace(&mut root, substitutions);
                resource::read(root, &path, &mut resources, &mut diagnostics);
            }
            Err(fault) => {
                let mut finding = unreadable(fault, &path);
                for outline in Outline::of_text(document.text, document.first_line) {
                    finding.help = format!("{}; {}", finding.help, outline.effect());
                    resources.push(outline.stand_in(&path));
                }
                diagnostics.push(finding);
            }
        }
    }
    // As a reader goes through the file, whatever order the findings were made in.
    diagnostics.sort_by(|a, b| (&a.location, a.code).cmp(&(&b.location, b.code)));
    ParsedFile { resources, diagnostics }
}

fn unreadable(fault: tree::Fault, path: &Arc<str>) -> Diagnostic {
    let (code, help) = match fault.too_large {
        true => (codes::TOO_LARGE, "make it smaller and flatter, or split it into several documents"),
        false => (codes::SYNTAX, "correct the YAML; the other documents of this file are not affected"),
    };
    Diagnostic {
        code,
        severity: Severity::Error,
        location: Location { file: path.clone(), line: fault.line, column: fault.column },
        resource: None,
        field: String::new(),
        reason: fault.reason,
        help: help.to_owned(),
    }
}
