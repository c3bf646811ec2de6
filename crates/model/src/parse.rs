//! Text becomes typed resources. Nothing here asks whether a resource makes sense; that is `crate::validate`.
//!
//! text -> documents -> trees with positions -> (substitution) -> kind and metadata -> typed spec. What is wrong in
//! one document never touches another.

mod decode;
mod documents;
mod finder;
mod irrelevant;
mod kinds;
mod metadata;
mod mistakes;
mod node;
mod positions;
mod reader;
mod resource;
mod substitute;
mod suggest;
mod tree;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use positions::Positions;

use crate::diagnostic::{Diagnostic, Severity, codes};
use crate::resource::AnyResource;
use crate::source::{Location, SourceFile};

/// Reads all resources in all files. What cannot be read is a diagnostic, and nothing else is affected.
pub fn parse(files: &[SourceFile]) -> (Vec<AnyResource>, Vec<Diagnostic>) {
    parse_with(files, &BTreeMap::new())
}

/// The same, after replacing texts inside string scalars (never in keys, and never across scalars). A scalar that
/// consists of nothing but such a text, and becomes a number, counts as that number.
pub fn parse_with(
    files: &[SourceFile],
    substitutions: &BTreeMap<String, String>,
) -> (Vec<AnyResource>, Vec<Diagnostic>) {
    let mut resources = Vec::new();
    let mut diagnostics = Vec::new();
    for file in files {
        let path: Arc<str> = file.path.as_str().into();
        for document in documents::split(&file.text) {
            match tree::read(&document) {
                Ok(None) => {}
                Ok(Some(mut root)) => {
                    substitute::replace(&mut root, substitutions);
                    resource::read(root, &path, &mut resources, &mut diagnostics);
                }
                Err(fault) => diagnostics.push(Diagnostic {
                    code: if fault.too_large { codes::TOO_LARGE } else { codes::SYNTAX },
                    severity: Severity::Error,
                    location: Location { file: path.clone(), line: fault.line, column: fault.column },
                    resource: None,
                    field: String::new(),
                    reason: fault.reason,
                    mend: match fault.too_large {
                        true => "make it smaller and flatter, or split it into several documents".to_owned(),
                        false => {
                            "correct the YAML; the other documents of this file are not affected".to_owned()
                        }
                    },
                }),
            }
        }
    }
    // As a reader goes through a file, whatever order the findings were made in.
    diagnostics.sort_by(|a, b| (position(files, a), a.code).cmp(&(position(files, b), b.code)));
    (resources, diagnostics)
}

fn position(files: &[SourceFile], diagnostic: &Diagnostic) -> (Option<usize>, u32, u32) {
    let Location { file, line, column } = &diagnostic.location;
    (files.iter().position(|known| known.path == **file), *line, *column)
}
